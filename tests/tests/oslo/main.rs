//! oslo.config itself judges what we read and write; see `etcstack_tests::dialects`.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod catalog;
mod documents;
mod edits;
mod judge;
mod samples;
mod variables;

use std::collections::BTreeMap;

use etcstack_config::dialect::Dialect;
use etcstack_config::document::normal_section;
use etcstack_config::problem::Problems;
use etcstack_config::variables::Scope;
use etcstack_tests::dialects::{self, check, python as text};

/// The values of each option of each section, by the names that oslo.config compares.
type Sections = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Sets options, given as pairs of `SECTION/OPTION` and value, in a file.
fn set(default: &str, options: &[(String, String)], scope: &Scope) -> Result<String, Problems> {
    dialects::set(Dialect::Oslo, default, options, scope)
}

/// Replaces an option's values in what was read.
fn overlay(sections: &mut Sections, section: &str, option: &str, values: Vec<String>) {
    let section = sections.entry(normal_section(section)).or_default();
    section.insert(option.to_owned(), values);
}
