//! Lists of names that may end in a star.

use std::collections::BTreeSet;

use crate::variables::is_name;

/// Names of variables; `NAME*` stands for all that start so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    names: Vec<String>,
    /// These are not among them, whatever the names say.
    without: BTreeSet<String>,
}

impl Names {
    /// Takes names and starts of names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), without: BTreeSet::new() }
    }

    /// Takes more of them.
    pub fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }

    /// All but these.
    #[must_use]
    pub fn without(mut self, names: &BTreeSet<String>) -> Self {
        self.without.extend(names.iter().cloned());
        self
    }

    /// The names themselves, without those that stand for several.
    pub fn single(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !name.ends_with('*'))
    }

    /// Whether a text is one of what is taken: a variable's name, or a start of names and a star.
    pub fn takes(name: &str) -> bool {
        // What starts so, and goes on, is one.
        is_name(name) || name.strip_suffix('*').is_some_and(|start| is_name(&format!("{start}A")))
    }

    /// Whether a name is among them.
    pub fn contain(&self, name: &str) -> bool {
        let contains = |known: &String| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == known,
        };
        self.names.iter().any(contains) && !self.without.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none() {
        for name in ["A", "A_1", "POD_*", "P*", "*"] {
            assert!(Names::takes(name), "{name}");
        }
        for name in ["", "a", "pod_*", "$A", "A*B", "A**", "A-B", "_A", "1*", "A B", "A\n"] {
            assert!(!Names::takes(name), "{name}");
        }
    }

    #[test]
    fn stars() {
        let names = Names::new(["A".to_owned(), "POD_*".to_owned()]);
        assert!(names.contain("A") && names.contain("POD_IP") && names.contain("POD_"));
        assert!(!names.contain("AB") && !names.contain("POD"));
        let fewer = names.without(&["POD_IP".to_owned()].into());
        assert!(!fewer.contain("POD_IP") && fewer.contain("POD_ID") && fewer.contain("A"));
    }
}
