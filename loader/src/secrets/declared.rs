//! `.secrets.toml`: what the names of secrets do not tell.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use etcstack_config::problem::{Problem, Problems};
use etcstack_config::variables::is_name;
use toml::Spanned;

use super::{Kind, SecretsError};
use crate::task;

/// A hidden file, which no load takes for data.
pub(crate) const FILE: &str = ".secrets.toml";

/// The kinds that a directory of data declares.
pub(crate) fn read(dir: Option<&Path>) -> Result<BTreeMap<String, Kind>, SecretsError> {
    let Some(path) = dir.map(|dir| dir.join(FILE)) else { return Ok(BTreeMap::new()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&path, &text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(SecretsError::Input { path, reason: error.to_string() }),
    }
}

/// Messages never quote a value: somebody may have written a secret there.
fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, Kind>, Problems> {
    let place = |offset: usize| task::place(path, text, offset);
    let table: BTreeMap<Spanned<String>, Spanned<toml::Value>> =
        toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            Problem::new(place(offset), "this is no TOML; write lines NAME = \"kind\"")
        })?;
    let mut kinds = BTreeMap::new();
    let mut problems = Problems::default();
    for (name, kind) in table {
        let found = kind.get_ref().as_str().and_then(Kind::from_text);
        if !is_name(name.get_ref()) {
            let message = "a variable's name holds A to Z, 0 to 9 and _, and starts with a letter";
            problems.0.push(Problem::new(place(name.span().start), message));
        } else if let Some(kind) = found {
            kinds.insert(name.into_inner(), kind);
        } else {
            let message = format!(
                "{}: the kind is none; write \"password\", \"cookie\", \"fernet\", \"hex\", \
                 \"uuid\", \"base64\" or \"external\", and no value",
                name.get_ref()
            );
            problems.0.push(Problem::new(place(kind.span().start), message));
        }
    }
    problems.or_ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_mistakes() {
        let path = Path::new(".secrets.toml");
        let kinds = parse(path, "# why\nVAULT_TOKEN = \"external\"\nCEPH_FSID = \"uuid\"\n");
        let kinds = kinds.unwrap();
        assert_eq!((kinds["VAULT_TOKEN"], kinds["CEPH_FSID"]), (Kind::External, Kind::Uuid));
        for (text, start) in [
            ("A = \"hunter2\"", ".secrets.toml:1:5: A: the kind is none"),
            ("\nA = 7", ".secrets.toml:2:5: A: the kind is none"),
            ("lower = \"hex\"", ".secrets.toml:1:1: a variable's name"),
            ("A = hunter2", ".secrets.toml:1:"),
        ] {
            let problems = parse(path, text).unwrap_err().to_string();
            assert!(problems.starts_with(start), "{problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }
}
