//! rust-ini's second opinion on what our document reads.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fmt::Write;

use etcstack_config::document::Document;
use ini::{Ini, ParseOption};
use proptest::prelude::*;

/// rust-ini, told to read as oslo.config does, as far as it can be.
fn second_opinion(text: &str) -> Vec<(String, String, String)> {
    let options = ParseOption {
        enabled_escape: false,
        enabled_quote: false,
        enabled_indented_mutiline_value: true,
        ..ParseOption::default()
    };
    let ini = Ini::load_from_str_opt(text, options).unwrap();
    let mut found = Vec::new();
    for (section, properties) in &ini {
        for (option, value) in properties {
            found.push((section.unwrap_or_default().into(), option.into(), value.into()));
        }
    }
    found
}

fn ours(text: &str) -> Vec<(String, String, String)> {
    let document = Document::parse(&etcstack_config::document::Oslo, text).unwrap();
    let own = |a: etcstack_config::document::Assignment<'_>| {
        (a.section.unwrap().to_owned(), a.option.to_owned(), a.value)
    };
    document.assignments().into_iter().map(own).collect()
}

proptest! {
    #[test]
    fn both_read_the_same(
        options in proptest::collection::vec(
            ("[a-c]", "[A-Za-z0-9/][A-Za-z0-9/=:@ ]{0,8}[A-Za-z0-9]", any::<bool>()), 1..12),
    ) {
        let mut text = String::from("[DEFAULT]\n");
        for (number, (option, value, section)) in options.iter().enumerate() {
            if *section {
                write!(text, "\n# A comment.\n[s{number}]\n").unwrap();
            }
            writeln!(text, "{option} = {value}").unwrap();
        }
        let mut expected = second_opinion(&text);
        let mut found = ours(&text);
        // rust-ini gives the sections in an order of its own.
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
