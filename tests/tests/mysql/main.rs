//! MariaDB itself judges what we read and write in its option files; see
//! `etcstack_tests::dialects`.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod documents;
mod edits;
mod files;
mod judge;
mod overlays;
mod text;
mod variables;

use etcstack_config::dialect::Dialect;
use etcstack_config::document::Document;
use etcstack_config::problem::Problems;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{self, check, environment, keys};

/// An option as it reaches a program: the group in lower case, the name, and the value as a key
/// says it.
type Found = (String, String, String);

/// Something for each of several options, by group and name.
type Options<T> = Vec<((String, String), T)>;

/// What a key holds for each option.
type Keys = Options<String>;

/// Sets options in a file.
fn set(default: &str, options: &Keys, scope: &Scope) -> Result<String, Problems> {
    dialects::set(Dialect::Mysql, default, &keys(options, String::clone), scope)
}

/// What we read from a document, group by group as the judge says it.
fn ours(document: &Document<'_>) -> Vec<Found> {
    let found = |a: etcstack_config::document::Assignment<'_>| {
        (a.section.expect("a group").to_ascii_lowercase(), a.option.to_owned(), a.value)
    };
    by_group(document.assignments().into_iter().map(found).collect())
}

/// In the order of groups; options of one group keep theirs.
fn by_group(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// An option's name as MariaDB compares it.
fn same_option(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}
