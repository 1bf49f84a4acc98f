//! Which dialect a file has: what the data says, and else the file's name.
//!
//! The data says it in `validate.toml`, by patterns such as `*/memcached/memcached.conf`. A load
//! puts them into the store, at [`DIALECTS`], for the commands that read the keys without the data.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use crate::dialect::Dialect;
use crate::key::FileName;

/// The key of what the loaded data says.
pub const DIALECTS: &str = "_etcstack/dialects";

/// Any role, any service, and in a file's name any text.
const ANY: &str = "*";

/// The files that are read in another dialect than their names say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    rules: BTreeMap<Pattern, Dialect>,
}

/// `role/service/file`, and how exact it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    role: String,
    service: String,
    file: String,
}

/// What is wrong with an entry of the table, and where in the text.
#[derive(Debug)]
pub struct Mistake {
    /// The bytes of the text that it is about.
    pub at: Option<Range<usize>>,
    /// What is wrong with them.
    pub message: String,
}

impl Dialects {
    /// What the text of a `validate.toml` says, with the place of each pattern in it; and what is
    /// wrong with the rest.
    pub fn read(text: &str) -> (Self, BTreeMap<String, usize>, Vec<Mistake>) {
        let (mut read, mut places, mut mistakes) = (Self::default(), BTreeMap::new(), Vec::new());
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let message = error.message().to_owned();
                return (read, places, vec![Mistake { at: error.span(), message }]);
            }
        };
        let Some(table) = document.get_ref().get("dialects") else {
            return (read, places, mistakes);
        };
        let Some(dialects) = table.get_ref().as_table() else {
            let message = "dialects is no table; write [dialects]".to_owned();
            return (read, places, vec![Mistake { at: Some(table.span()), message }]);
        };
        for (pattern, dialect) in dialects {
            let at = pattern.span();
            let parsed = dialect.get_ref().as_str().ok_or("a dialect is a string".to_owned());
            match parsed.and_then(str::parse) {
                Ok(parsed) => match read.add(pattern.get_ref(), parsed) {
                    Ok(()) => _ = places.insert(pattern.get_ref().to_string(), at.start),
                    Err(message) => mistakes.push(Mistake { at: Some(at), message }),
                },
                Err(message) => mistakes.push(Mistake { at: Some(dialect.span()), message }),
            }
        }
        (read, places, mistakes)
    }

    /// What the record of a store says.
    pub fn of_record(record: &[u8]) -> Result<Self, String> {
        let table: BTreeMap<String, String> =
            serde_json::from_slice(record).map_err(|error| error.to_string())?;
        let mut dialects = Self::default();
        for (pattern, dialect) in table {
            dialects.add(&pattern, dialect.parse()?)?;
        }
        Ok(dialects)
    }

    /// The record; `None` where there is nothing to say.
    pub fn record(&self) -> Option<String> {
        (!self.rules.is_empty()).then(|| serde_json::json!(self.table()).to_string())
    }

    /// The patterns and the names of their dialects.
    pub fn table(&self) -> BTreeMap<String, String> {
        let line = |(pattern, dialect): (&Pattern, &Dialect)| (pattern.text(), dialect.to_string());
        self.rules.iter().map(line).collect()
    }

    /// Says that the files of a pattern `role/service/file` have a dialect.
    pub fn add(&mut self, pattern: &str, dialect: Dialect) -> Result<(), String> {
        let parts: Vec<_> = pattern.splitn(3, '/').collect();
        let [role, service, file] = parts.as_slice() else {
            return Err(format!("{pattern:?} is no pattern; write {FORM}"));
        };
        let is_plain = |part: &str| part == ANY || !part.is_empty() && !part.contains(ANY);
        if !is_plain(role) || !is_plain(service) || file.is_empty() || file.ends_with('/') {
            return Err(format!("{pattern:?} is no pattern; write {FORM}"));
        }
        let [role, service, file] = [role, service, file].map(|part| (*part).to_owned());
        self.rules.insert(Pattern { role, service, file }, dialect);
        Ok(())
    }

    /// Says that one file has a dialect, whatever patterns say.
    pub fn set(&mut self, file: FileName, dialect: Dialect) {
        let FileName { role, service, file } = file;
        self.rules.insert(Pattern { role, service, file }, dialect);
    }

    /// Takes over what others say; they win where both say something of the same pattern.
    pub fn extend(&mut self, others: &Self) {
        self.rules.extend(others.rules.clone());
    }

    /// The dialect of a file.
    pub fn of(&self, file: &FileName) -> Dialect {
        self.said(file).unwrap_or_else(|| Dialect::by_name(&file.file))
    }

    /// The same, where more than the file's name says it.
    pub fn said(&self, file: &FileName) -> Option<Dialect> {
        if self.rules.is_empty() {
            return None;
        }
        let matching = self.rules.iter().filter(|(pattern, _)| pattern.matches(file));
        matching.max_by_key(|(pattern, _)| pattern.exactness(file)).map(|(_, dialect)| *dialect)
    }

    /// The patterns that none of these files has.
    pub fn unused<'a>(&self, files: impl Iterator<Item = &'a FileName> + Clone) -> Vec<String> {
        let is_unused = |pattern: &&Pattern| !files.clone().any(|file| pattern.matches(file));
        self.rules.keys().filter(is_unused).map(Pattern::text).collect()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// What a pattern looks like.
const FORM: &str =
    "ROLE/SERVICE/FILE, with * for any role and any service, and in FILE for any text";

impl Pattern {
    fn text(&self) -> String {
        format!("{}/{}/{}", self.role, self.service, self.file)
    }

    /// The layers of a role have its files.
    fn matches(&self, file: &FileName) -> bool {
        let is_role = self.role == ANY
            || file.role == self.role
            || file.role.split_once('@').is_some_and(|(role, _)| role == self.role);
        is_role
            && (self.service == ANY || self.service == file.service)
            && (self.file == file.file || matches_text(&self.file, &file.file))
    }

    /// Of several patterns that match, the file's name decides, then the service's, then the role's.
    fn exactness(&self, file: &FileName) -> (bool, usize, bool, bool, bool) {
        (
            self.file == file.file,
            self.file.len(),
            self.service != ANY,
            self.role == file.role,
            self.role != ANY,
        )
    }
}

/// Whether a text is a pattern's, in which each `*` stands for any text, slashes included.
fn matches_text(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANY) else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once(ANY) else { return left.ends_with(rest) };
    for part in middle.split(ANY) {
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> FileName {
        let parts: Vec<_> = path.splitn(3, '/').map(str::to_owned).collect();
        let [role, service, file] = parts.try_into().unwrap();
        FileName { role, service, file }
    }

    #[test]
    fn the_most_exact_pattern_counts() {
        let text = r#"
            release = "2026.1"
            [dialects]
            "*/memcached/memcached.conf" = "text"
            "controller/memcached/memcached.conf" = "plain"
            "*/*/uwsgi.ini" = "configparser"
            "*/horizon/sites-*/*.conf" = "text"
            "*/*/*.conf" = "mysql"
        "#;
        let (dialects, places, mistakes) = Dialects::read(text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert!(text[places["*/*/uwsgi.ini"]..].starts_with("\"*/*/uwsgi.ini\""));
        for (path, dialect) in [
            ("x/memcached/memcached.conf", Dialect::Text),
            ("controller/memcached/memcached.conf", Dialect::Plain),
            ("controller@n1/memcached/memcached.conf", Dialect::Plain),
            ("controllers/memcached/memcached.conf", Dialect::Text),
            ("x/y/uwsgi.ini", Dialect::Configparser),
            ("x/horizon/sites-enabled/a.conf", Dialect::Text),
            ("x/horizon/policy.yaml", Dialect::Text),
            ("x/y/z.conf", Dialect::Mysql),
            ("x/y/api-paste.ini", Dialect::Configparser),
            ("x/y/z.ini", Dialect::Oslo),
        ] {
            let found = dialects.of(&name(path));
            assert_eq!(found, dialect, "{path}");
        }
        let record = dialects.record().unwrap();
        assert_eq!(Dialects::of_record(record.as_bytes()).unwrap(), dialects);
        let files = [name("x/y/uwsgi.ini"), name("a/b/c.conf")];
        let unused = dialects.unused(files.iter());
        assert_eq!(unused.len(), 3, "{unused:?}");
        assert_eq!(Dialects::default().record(), None);
    }

    #[test]
    fn mistakes_say_where() {
        for (text, at, said) in [
            ("[dialects]\n\"a/b\" = \"text\"", "\"a/b\"", "ROLE/SERVICE/FILE"),
            ("[dialects]\n\"a*/b/c\" = \"text\"", "\"a*/b/c\"", "ROLE/SERVICE/FILE"),
            ("[dialects]\n\"a/b/c\" = \"ini\"", "\"ini\"", "known are oslo"),
            ("[dialects]\n\"a/b/c\" = 1", "1", "string"),
            ("[dialects", "", ""),
        ] {
            let (_, _, mistakes) = Dialects::read(text);
            assert_eq!(mistakes.len(), 1, "{text}");
            let found = mistakes[0].at.clone().unwrap();
            assert!(text[found].starts_with(at), "{text}: {mistakes:?}");
            assert!(mistakes[0].message.contains(said), "{mistakes:?}");
        }
    }

    #[test]
    fn stars() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "ab/c", true),
            ("*.conf", ".conf", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches_text(pattern, text), expected, "{pattern} {text}");
        }
    }
}
