//! RabbitMQ, rsync and libvirt themselves judge what we read and write of their files; see
//! `etcstack_tests::dialects`.
//!
//! `ETCSTACK_TEST_CUTTLEFISH` names a folder with the compiled modules of another RabbitMQ's parser.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod judge;
mod libvirt;
mod rabbitmq;
mod rsync;
mod text;

use etcstack_config::dialect::Dialect;
use etcstack_config::document::{Document, SyntaxError};
use etcstack_config::problem::Problems;
use etcstack_tests::dialects::{self, check, environment};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// Section, option and value, in the order of the file.
type Values = Vec<(Option<String>, String, String)>;

/// What we read of a text, or what we say of it.
fn ours(dialect: Dialect, text: &str) -> Result<Values, Vec<SyntaxError>> {
    let grammar = dialect.grammar().expect("a dialect with options");
    let (lenient, _) = Document::parse_leniently(grammar, text);
    assert_eq!(lenient.to_string(), text, "printing changed it");
    let document = Document::parse(grammar, text)?;
    let own = |section: Option<&str>| section.map(str::to_owned);
    let all = document.assignments().into_iter();
    Ok(all.map(|a| (own(a.section), a.option.to_owned(), a.value)).collect())
}

/// Sets options of a file, given as the rest of their keys and what these hold.
fn set(
    dialect: Dialect,
    default: &str,
    options: &[(String, String)],
    variables: &[(&str, &str)],
) -> Result<String, Problems> {
    dialects::set(dialect, default, options, &environment(variables))
}

/// Sets one option over what each has: sorted.
fn overlay(before: &Values, option: &str, value: &str) -> Values {
    let mut after = before.clone();
    match after.iter_mut().find(|(_, name, _)| name == option) {
        Some(found) => value.clone_into(&mut found.2),
        None => after.push((None, option.to_owned(), value.to_owned())),
    }
    sorted(after)
}

fn sorted(mut values: Values) -> Values {
    values.sort();
    values
}

/// Checks a refusal: it does not tell what the variables hold, and was not called for by something
/// easy.
fn check_refusal(
    problems: &Problems,
    contents: &[&str],
    is_easy: bool,
) -> Result<(), TestCaseError> {
    let told = problems.to_string();
    // A short text may stand in any message.
    let tells = |text: &&str| text.len() >= 6 && told.contains(*text);
    prop_assert!(!contents.iter().any(tells), "it tells the value: {}", told);
    prop_assert!(!is_easy, "it could be written: {}", told);
    Ok(())
}

/// Whether any reader takes this as it is.
fn is_alphanumeric(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Checks that all lines of a file are still there, in their order, but for those of an option and
/// of its commented default.
fn check_untouched(
    dialect: Dialect,
    before: &str,
    after: &str,
    is_it: impl Fn(Option<&str>, &str) -> bool,
) -> Result<(), TestCaseError> {
    let grammar = dialect.grammar().expect("a dialect with options");
    let document = Document::parse(grammar, before).expect("it was read");
    // Only libvirt takes a bare carriage return for the end of a line.
    let end = if dialect == Dialect::Libvirt { "\n" } else { "\r" };
    let lines = |text: &str| -> Vec<String> {
        let text = text.replace("\r\n", "\n").replace('\r', end);
        text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
    };
    let mut mine = vec![false; lines(before).len() + 1];
    for found in document.assignments() {
        if is_it(found.section, found.option) {
            let end = found.line - 1 + found.starts.len();
            mine[found.line - 1..end].fill(true);
        }
    }
    let mut rest = lines(after).into_iter();
    for (line, _) in lines(before).into_iter().zip(&mine).filter(|(_, mine)| !**mine) {
        let there = rest.any(|other| other == line);
        // A commented default makes room for its option, and then nothing else goes.
        prop_assert!(
            there || line.starts_with('#'),
            "{line:?} is gone\nfrom {before:?}\nin {after:?}"
        );
        if !there {
            return Ok(());
        }
    }
    Ok(())
}
