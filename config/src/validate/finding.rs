//! Something that is wrong with the data, or looks so.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::problem::{Place, Problem};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The agents or the service will refuse it, or do something else than it says.
    Error,
    /// It may be meant so.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What kind of a mistake it is. The names stay the same from release to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A file or folder that cannot be read, or is no text.
    Unreadable,
    /// A file where no data stands.
    Misplaced,
    /// A line that is none of its file's syntax.
    Syntax,
    /// An entry of `[dialects]` that is no pattern, or names no dialect.
    BadDialect,
    /// A text that is no key.
    BadKey,
    /// A section or an option that no file can name.
    BadName,
    /// A value that no file can hold.
    BadValue,
    /// `${` and no reference.
    BadReference,
    /// A key with two values.
    Duplicate,
    /// A key of another form than its file has by its name.
    OtherDialect,
    /// Variables that need themselves.
    Circle,
    /// A variable that nothing defines.
    UnknownVariable,
    /// A variable that only the agent's environment can have.
    EnvironmentVariable,
    /// A variable that no value refers to.
    UnusedVariable,
    /// A pattern of `[dialects]` that no file of the data has.
    UnusedDialect,
    /// A role that looks like a slip in the name of another.
    UnknownRole,
    /// A service that looks like a slip in the name of another.
    UnknownService,
    /// A service without a catalog.
    NoCatalog,
    /// A section that the service does not have.
    UnknownSection,
    /// An option that the service does not have.
    UnknownOption,
    /// An option that the service had in an earlier release.
    RemovedOption,
    /// A reference of oslo.config to an option that the service does not have.
    UnknownReference,
    /// A value of another type.
    WrongType,
    /// A value below the least or above the largest.
    OutOfRange,
    /// A value that is none of the choices.
    NotAChoice,
    /// Several values where only the last one counts.
    SeveralValues,
    /// An option's former name.
    DeprecatedName,
    /// An option that is going to be removed.
    DeprecatedOption,
    /// A secret that stands where a variable should.
    SecretInClear,
    /// A variable inside quotes that what it holds would tear.
    RawInQuotes,
}

impl Code {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 30] = [
        ("unreadable", Self::Unreadable),
        ("misplaced", Self::Misplaced),
        ("syntax", Self::Syntax),
        ("bad-dialect", Self::BadDialect),
        ("bad-key", Self::BadKey),
        ("bad-name", Self::BadName),
        ("bad-value", Self::BadValue),
        ("bad-reference", Self::BadReference),
        ("duplicate", Self::Duplicate),
        ("other-dialect", Self::OtherDialect),
        ("circle", Self::Circle),
        ("unknown-variable", Self::UnknownVariable),
        ("environment-variable", Self::EnvironmentVariable),
        ("unused-variable", Self::UnusedVariable),
        ("unused-dialect", Self::UnusedDialect),
        ("unknown-role", Self::UnknownRole),
        ("unknown-service", Self::UnknownService),
        ("no-catalog", Self::NoCatalog),
        ("unknown-section", Self::UnknownSection),
        ("unknown-option", Self::UnknownOption),
        ("removed-option", Self::RemovedOption),
        ("unknown-reference", Self::UnknownReference),
        ("wrong-type", Self::WrongType),
        ("out-of-range", Self::OutOfRange),
        ("not-a-choice", Self::NotAChoice),
        ("several-values", Self::SeveralValues),
        ("deprecated-name", Self::DeprecatedName),
        ("deprecated-option", Self::DeprecatedOption),
        ("secret-in-clear", Self::SecretInClear),
        ("raw-in-quotes", Self::RawInQuotes),
    ];
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, code)| *code)
            .ok_or_else(|| D::Error::custom(format!("no kind of finding: {name}")))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, code)| code == self).map_or("?", |found| found.0);
        f.write_str(name)
    }
}

/// One thing that is wrong. Neither text ever holds a value, since any may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it stands.
    pub place: Place,
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say so itself.
    pub remedy: String,
}

impl Finding {
    /// An error whose message says what to do.
    pub(crate) fn error(place: Place, code: Code, message: impl fmt::Display) -> Self {
        let (message, remedy) = (message.to_string(), String::new());
        Self { place, severity: Severity::Error, code, message, remedy }
    }

    /// A warning.
    pub(crate) fn warning(place: Place, code: Code, message: impl fmt::Display) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, code, message) }
    }

    /// Says what to do.
    pub(crate) fn remedy(self, remedy: impl fmt::Display) -> Self {
        Self { remedy: remedy.to_string(), ..self }
    }

    /// What is wrong and what to do.
    pub fn text(&self) -> String {
        let semicolon = if self.remedy.is_empty() { "" } else { "; " };
        format!("{}{semicolon}{}", self.message, self.remedy)
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        let message = finding.text();
        Self::new(finding.place, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}[{}]: {}", self.place, self.severity, self.code, self.text())
    }
}
