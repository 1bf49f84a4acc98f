//! Lists of names that may end in a star.

/// Names of variables; `NAME*` stands for all that start so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// Takes names and starts of names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Takes more of them.
    pub fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        self.0.extend(names);
    }

    /// Whether a name is among them.
    pub fn contain(&self, name: &str) -> bool {
        self.0.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == known,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars() {
        let names = Names::new(["A".to_owned(), "POD_*".to_owned()]);
        assert!(names.contain("A") && names.contain("POD_IP") && names.contain("POD_"));
        assert!(!names.contain("AB") && !names.contain("POD"));
    }
}
