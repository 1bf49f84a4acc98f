//! What is wrong with keys only together: agents would refuse it, whatever a manifest says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Datum, Marks};
use crate::dialect::Dialect;
use crate::dialects::Dialects;
use crate::document::Grammar;
use crate::key::{FileName, Key, OptionName, variable_key};
use crate::layers::{FileConfig, Sourced};
use crate::problem::Place;
use crate::render::{FileInputs, render};
use crate::validate::{Code, Finding};
use crate::variables::{Scope, VariableError};

pub(super) fn check(
    found: &BTreeMap<String, Datum>,
    marks: &BTreeMap<String, Marks>,
    dialects: &Dialects,
) -> Vec<Finding> {
    let mut together = Together { marks, scope: Scope::default(), findings: Vec::new() };
    let mut files: BTreeMap<FileName, File<'_>> = BTreeMap::new();
    for (key, datum) in found {
        let said = Said { key, value: &datum.value };
        match Key::parse(key) {
            Ok(Key::Variable(name)) => {
                _ = together.scope.general.insert(name, datum.value.clone());
            }
            Ok(Key::File(file)) => files.entry(file).or_default().whole = Some(said),
            Ok(Key::Option(file, option)) => {
                files.entry(file).or_default().options.push((option, said));
            }
            _ => {}
        }
    }
    together.circles();
    for (name, file) in files {
        let dialect = dialects.of(&name);
        if let (Some(whole), Some((_, option))) = (&file.whole, file.options.first()) {
            together.text_and_options(whole.key, option.key);
        }
        match (dialect.grammar(), file.whole) {
            (Some(grammar), _) => together.options(file.options, dialect, grammar),
            (None, Some(whole)) => together.whole(&whole, dialect),
            (None, None) => {}
        }
    }
    together.findings
}

/// A key and what it holds.
#[derive(Clone, Copy)]
struct Said<'d> {
    key: &'d str,
    value: &'d str,
}

/// What the data says of a file, in one role.
#[derive(Default)]
struct File<'d> {
    whole: Option<Said<'d>>,
    options: Vec<(OptionName, Said<'d>)>,
}

struct Together<'a> {
    marks: &'a BTreeMap<String, Marks>,
    scope: Scope,
    findings: Vec<Finding>,
}

impl Together<'_> {
    /// Variables that need themselves.
    fn circles(&mut self) {
        // What nobody knows yet could hide a circle.
        let general = self.scope.general.clone();
        let Scope { environment, .. } = self.taken_to_be(general.values().map(String::as_str));
        for (name, error) in (Scope { general, environment }).check_general() {
            // A malformed value has been reported where it stands.
            if let VariableError::Circle(_) = &error
                && let Some(marks) = self.marks.get(&variable_key(&name))
            {
                self.findings.push(Finding::error(marks.name(), Code::Circle, error));
            }
        }
    }

    /// Options that cannot stand in their file, once their variables are filled in, or not beside
    /// each other.
    fn options(
        &mut self,
        mut options: Vec<(OptionName, Said<'_>)>,
        dialect: Dialect,
        grammar: &dyn Grammar,
    ) {
        self.spelled_twice(&mut options, grammar);
        let scope = self.taken_to_be(options.iter().map(|(_, said)| said.value));
        options.retain(|(_, said)| self.can_be_filled_in(said, dialect, &scope));
        let sourced =
            |said: Said<'_>| Sourced { key: said.key.into(), layer: 0, value: said.value.into() };
        let options = options.into_iter().map(|(name, said)| (name, sourced(said)));
        let config = FileConfig { whole: None, options: options.collect() };
        self.rendered(FileInputs { dialect, config, scope });
    }

    /// A text or bytes that cannot be put together.
    fn whole(&mut self, said: &Said<'_>, dialect: Dialect) {
        let scope = self.taken_to_be([said.value]);
        // Whether it is base64 depends on what the agents have.
        let is_known = scope.environment.is_empty();
        if self.can_be_filled_in(said, dialect, &scope) && dialect == Dialect::Binary && is_known {
            let whole = Sourced { key: said.key.into(), layer: 0, value: said.value.into() };
            let config = FileConfig { whole: Some(whole), ..FileConfig::default() };
            self.rendered(FileInputs { dialect, config, scope });
        }
    }

    /// What an agent would refuse, whatever the file's default is.
    fn rendered(&mut self, inputs: FileInputs) {
        for problem in render(&inputs, None).err().into_iter().flat_map(|problems| problems.0) {
            let Place::Key(key) = &problem.place else { continue };
            if let Some(marks) = self.marks.get(key) {
                self.findings.push(Finding::error(marks.line(0), Code::BadValue, problem.message));
            }
        }
    }

    /// The variables that these values need. What only agents have is taken to be good; a number is
    /// so wherever it may stand.
    fn taken_to_be<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> Scope {
        let needed = self.scope.needed(values);
        let mut scope = self.scope.restrict(&needed);
        let unknown = needed.into_iter().filter(|name| !scope.general.contains_key(name));
        scope.environment = unknown.map(|name| (name, "1".to_owned())).collect();
        scope
    }

    /// Whether a value's variables can be looked up. Most of what keeps one from it is told where
    /// the variable stands.
    fn can_be_filled_in(&mut self, said: &Said<'_>, dialect: Dialect, scope: &Scope) -> bool {
        let error =
            if said.value.contains('$') { scope.pieces(said.value, dialect).err() } else { None };
        if let Some(VariableError::TooDeep(_) | VariableError::TooLarge(_)) = &error
            && let (Some(error), Some(marks)) = (&error, self.marks.get(said.key))
        {
            self.findings.push(Finding::error(marks.line(0), Code::BadValue, error));
        }
        error.is_none()
    }

    /// Two spellings of what is one option to the file's reader, or to one of them. The first one
    /// stays.
    fn spelled_twice(&mut self, options: &mut Vec<(OptionName, Said<'_>)>, grammar: &dyn Grammar) {
        let mut spelled = BTreeMap::new();
        let mut firsts = Vec::with_capacity(options.len());
        for (name, said) in &*options {
            let section = name.section.as_deref().map(|section| grammar.normal_section(section));
            let option = grammar.normal_option(&name.option);
            let is_folded = grammar.is_also_read_in_lower_case();
            let folded = if is_folded { option.to_lowercase().into() } else { option.clone() };
            let is_first = match spelled.entry((section, folded)) {
                Entry::Vacant(entry) => {
                    entry.insert((option, said.key));
                    true
                }
                Entry::Occupied(first) => {
                    let (first, key) = first.get();
                    self.alike(said.key, key, *first == option, grammar.reader());
                    false
                }
            };
            firsts.push(is_first);
        }
        let mut firsts = firsts.into_iter();
        options.retain(|_| firsts.next().unwrap_or(true));
    }

    fn alike(&mut self, key: &str, first: &str, is_same: bool, reader: &str) {
        let Some(marks) = self.marks.get(key) else { return };
        let first = first.escape_debug();
        let message = if is_same {
            format!("{reader} takes this for the same option as {first}")
        } else {
            format!(
                "this differs from {first} in case only, and some of the file's readers take names in \
                 lower case"
            )
        };
        let finding = Finding::error(marks.key(), Code::Duplicate, message);
        self.findings.push(finding.remedy("keep one of the two: agents refuse both"));
    }

    /// Two ways to say one file.
    fn text_and_options(&mut self, key: &str, option: &str) {
        let Some(marks) = self.marks.get(key) else { return };
        let message = format!(
            "this is the whole text of a file of which there are options as well, such as {}",
            option.escape_debug()
        );
        let finding = Finding::error(marks.key(), Code::Duplicate, message);
        self.findings.push(finding.remedy("delete the text or the options: agents refuse both"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Data;

    fn problems(keys: &[(&str, &str)]) -> String {
        let mut data = Data::default();
        for (key, value) in keys {
            data.add_key(key, value);
        }
        data.finish().err().map(|problems| problems.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_variables_bring_in() {
        for (value, said) in [
            ("a\rb", "a carriage return"),
            ("a\n\nb", "one of its lines is blank"),
            ("a\n  b", "starts or ends with a blank"),
        ] {
            let found = problems(&[("general/V", value), ("r/s/f.conf/x/y", "${V:-z}")]);
            assert!(found.starts_with("r/s/f.conf/x/y: its value cannot stand"), "{found}");
            assert!(found.contains(said) && found.ends_with("(it uses $V)"), "{found}");
            // A text takes it, and so does what nobody puts into a file.
            assert_eq!(problems(&[("general/V", value), ("r/s/p.yaml", "$V")]), "");
        }
        for value in ["$V", "$HOSTNAME", "${HOSTNAME:-\\}$V", "$U", "\\$V"] {
            let good = [("general/V", "a\nb"), ("general/U", "$NONE"), ("r/s/f.conf/x/y", value)];
            assert_eq!(problems(&good), "", "{value}");
        }
    }

    #[test]
    fn deeper_than_agents_go() {
        let names: Vec<_> =
            (0..40).map(|n| (format!("general/V{n}"), format!("$V{}", n + 1))).collect();
        let mut keys: Vec<_> = names.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        keys.push(("r/s/f.conf/x/y", "$V0"));
        let found = problems(&keys);
        assert!(found.starts_with("r/s/f.conf/x/y: the variables refer to one another"), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }

    #[test]
    fn two_spellings() {
        let found = problems(&[
            ("r/s/my.cnf/mysqld/bind-address", "x"),
            ("r/s/my.cnf/mysqld/bind_address", "y"),
            ("r/s/rsyncd.conf/m/max connections", "1"),
            ("r/s/rsyncd.conf/m/MaxConnections", "1"),
            ("r/s/s.conf/x/bind-address", "x"),
            ("r/s/s.conf/x/bind_address", "y"),
        ]);
        let lines: Vec<_> = found.lines().collect();
        assert_eq!(lines.len(), 2, "{found}");
        assert!(lines[0].contains("the same option as r/s/my.cnf/mysqld/bind-address"), "{found}");
        assert!(lines[1].contains("rsync takes this for the same option"), "{found}");
    }

    #[test]
    fn a_text_and_options() {
        let found = problems(&[
            ("r/s/p.yaml", "x"),
            ("r/s/p.yaml/a/b", "x"),
            ("r@h/s/q.conf", "x"),
            ("r/s/q.conf/a/b", "x"),
        ]);
        assert!(found.starts_with("r/s/p.yaml: this is the whole text"), "{found}");
        assert!(found.contains("such as r/s/p.yaml/a/b; delete"), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}
