//! What is wrong with keys only together: agents would refuse it, whatever a manifest says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Datum, Marks};
use crate::dialect::Dialect;
use crate::key::{FileName, Key, OptionName, variable_key};
use crate::layers::{FileConfig, Sourced};
use crate::render::{FileInputs, render};
use crate::validate::{Code, Finding};
use crate::variables::{Scope, VariableError};

pub(super) fn check(
    found: &BTreeMap<String, Datum>,
    marks: &BTreeMap<String, Marks>,
) -> Vec<Finding> {
    let mut together = Together { marks, scope: Scope::default(), findings: Vec::new() };
    let mut options = Vec::new();
    let mut texts = Vec::new();
    for (key, datum) in found {
        match Key::parse(key) {
            Ok(Key::Variable(name)) => {
                _ = together.scope.general.insert(name, datum.value.clone());
            }
            Ok(Key::File(file)) => texts.push((key, file)),
            Ok(Key::Option(file, option)) => options.push((key, datum, file, option)),
            _ => {}
        }
    }
    together.circles();
    let mut first_options: BTreeMap<FileName, &String> = BTreeMap::new();
    let mut spelled = BTreeMap::new();
    for (key, datum, file, option) in options {
        let dialect = Dialect::by_name(&file.file);
        if dialect.grammar().is_some() {
            together.filled_in(key, option.clone(), &datum.value, dialect);
        }
        together.spelled_twice(key, &file, &option, dialect, &mut spelled);
        first_options.entry(file).or_insert(key);
    }
    for (key, file) in texts {
        if let Some(option) = first_options.get(&file) {
            together.text_and_options(key, option);
        }
    }
    together.findings
}

struct Together<'a> {
    marks: &'a BTreeMap<String, Marks>,
    scope: Scope,
    findings: Vec<Finding>,
}

impl Together<'_> {
    /// Variables that need themselves.
    fn circles(&mut self) {
        for (name, error) in self.scope.check_general() {
            // A malformed value has been reported where it stands.
            if let VariableError::Circle(_) = &error
                && let Some(marks) = self.marks.get(&variable_key(&name))
            {
                self.findings.push(Finding::error(marks.name(), Code::Circle, error));
            }
        }
    }

    /// A value that cannot stand in its file once its variables are filled in.
    fn filled_in(&mut self, key: &str, option: OptionName, value: &str, dialect: Dialect) {
        let message = refused(key, option, value, dialect, &self.scope);
        if let (Some(message), Some(marks)) = (message, self.marks.get(key)) {
            self.findings.push(Finding::error(marks.line(0), Code::BadValue, message));
        }
    }

    /// Two spellings of what is one option to the file's reader.
    fn spelled_twice(
        &mut self,
        key: &str,
        file: &FileName,
        option: &OptionName,
        dialect: Dialect,
        spelled: &mut BTreeMap<(FileName, OptionName), String>,
    ) {
        let (Some(grammar), Some(marks)) = (dialect.grammar(), self.marks.get(key)) else { return };
        let section = option.section.as_deref();
        let normal = OptionName {
            section: section.map(|section| grammar.normal_section(section).into_owned()),
            option: grammar.normal_option(&option.option).into_owned(),
        };
        match spelled.entry((file.clone(), normal)) {
            Entry::Vacant(entry) => _ = entry.insert(key.to_owned()),
            Entry::Occupied(first) => {
                let message = format!(
                    "{} takes this for the same option as {}",
                    grammar.reader(),
                    first.get().escape_debug()
                );
                let finding = Finding::error(marks.key(), Code::Duplicate, message);
                self.findings.push(finding.remedy("keep one of the two: agents refuse both"));
            }
        }
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

/// Why agents refuse a value once its variables are filled in. Without any it has been looked at
/// already.
fn refused(
    key: &str,
    option: OptionName,
    value: &str,
    dialect: Dialect,
    scope: &Scope,
) -> Option<String> {
    let needed = scope.needed([value]);
    if needed.is_empty() {
        return None;
    }
    let mut scope = scope.restrict(&needed);
    for name in needed {
        if !scope.general.contains_key(&name) {
            // What only agents have is taken to be good; a number is so wherever it may stand.
            scope.environment.insert(name, "1".to_owned());
        }
    }
    match scope.pieces(value, dialect) {
        Ok(_) => {}
        Err(error @ (VariableError::TooDeep(_) | VariableError::TooLarge(_))) => {
            return Some(error.to_string());
        }
        // That is told where it stands.
        Err(_) => return None,
    }
    let sourced = Sourced { key: key.to_owned(), layer: 0, value: value.to_owned() };
    let config = FileConfig { whole: None, options: BTreeMap::from([(option, sourced)]) };
    let inputs = FileInputs { dialect, config, scope };
    render(&inputs, None).err()?.0.into_iter().next().map(|problem| problem.message)
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
