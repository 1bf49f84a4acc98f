//! Values that somebody else has made: the files of a directory, or environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use etcstack_config::data::LARGEST_VALUE;
use etcstack_config::dialect::Dialect;
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_config::variables::{check, is_name};

use super::SecretsError;
use crate::task;

/// A value and where it comes from.
pub(crate) struct Given {
    pub(crate) value: String,
    /// As messages name it: a path, or `$NAME` of the environment.
    pub(crate) from: String,
}

/// The values by the variables' names.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) given: BTreeMap<String, Given>,
    problems: Problems,
}

impl Sources {
    /// Reads both, or says everything that is wrong with them.
    pub(crate) fn read(dir: Option<&Path>, prefix: Option<&str>) -> Result<Self, SecretsError> {
        let mut sources = Self::default();
        if let Some(dir) = dir {
            sources.read_dir(dir)?;
        }
        if let Some(prefix) = prefix {
            if prefix.is_empty() {
                let message = "--from-env needs a prefix, as in --from-env ETCSTACK_SECRET_";
                return Err(SecretsError::Usage(message.into()));
            }
            sources.read_environment(prefix, std::env::vars_os());
        }
        let Self { given, problems } = sources;
        Ok(problems.or_ok(Self { given, problems: Problems::default() })?)
    }

    /// A mounted Secret: its files are symlinks, and what starts with a dot is Kubernetes' own.
    fn read_dir(&mut self, dir: &Path) -> Result<(), SecretsError> {
        let failed = |path: &Path, error: std::io::Error| SecretsError::Input {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        for entry in std::fs::read_dir(dir).map_err(|error| failed(dir, error))? {
            let entry = entry.map_err(|error| failed(dir, error))?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let place = Place::file(&path);
            if !is_name(&name) {
                task::warn(format!("{place}: passed over: its name is no variable's"));
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
            match String::from_utf8(bytes) {
                Ok(text) => self.add(&name, task::without_line_break(&text), place),
                Err(_) => self.problem(place, "the file is not UTF-8 text"),
            }
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        prefix: &str,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) {
        for (variable, value) in variables {
            let Some(variable) = variable.to_str() else { continue };
            let Some(name) = variable.strip_prefix(prefix) else { continue };
            let place = Place::Key(format!("${variable}"));
            if !is_name(name) {
                self.problem(place, format!("{name:?}, after the prefix, is no variable's name"));
                continue;
            }
            match value.to_str() {
                Some(value) => self.add(name, value, place),
                None => self.problem(place, "its value is not UTF-8"),
            }
        }
    }

    fn add(&mut self, name: &str, value: &str, place: Place) {
        if let Err(message) = check_value(value) {
            return self.problem(place, message);
        }
        let from = place.to_string();
        match self.given.get(name) {
            Some(earlier) if earlier.value != value => {
                let message = format!("{} has another value; keep one of the two", earlier.from);
                self.problem(place, message);
            }
            _ => {
                let value = value.to_owned();
                self.given.insert(name.to_owned(), Given { value, from });
            }
        }
    }

    fn problem(&mut self, place: Place, message: impl std::fmt::Display) {
        self.problems.0.push(Problem::new(place, message));
    }
}

/// What no variable can hold. The message does not quote it.
pub(crate) fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("it is empty".into());
    }
    if value.contains('\0') {
        return Err("it holds a NUL byte".into());
    }
    if value.len() > LARGEST_VALUE {
        let length = value.len();
        return Err(format!("it has {length} bytes; etcd takes {LARGEST_VALUE} at most"));
    }
    // What follows the dollar may be a part of the secret.
    check(value, Dialect::Text).map_err(|_| {
        "it holds a ${…} that is no reference; for a plain dollar, put one into general/DOLLAR \
         and write ${DOLLAR} for it"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Sources {
        let mut sources = Sources::default();
        let pairs = pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        sources.read_environment("S_", pairs);
        sources
    }

    #[test]
    fn the_environment() {
        let sources = read(&[("S_A_PASSWORD", "x"), ("OTHER", "y"), ("S_B", "a\nb")]);
        assert!(sources.problems.0.is_empty());
        let names: Vec<_> = sources.given.keys().collect();
        assert_eq!(names, ["A_PASSWORD", "B"]);
    }

    #[test]
    fn mistakes_without_values() {
        let sources = read(&[
            ("S_lower", "hunter2"),
            ("S_A", ""),
            ("S_B", "hunter2${HUNTER2+"),
            ("S_C", "\0"),
        ]);
        let text = sources.problems.to_string();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.to_lowercase().contains("hunter2"), "{text}");
    }
}
