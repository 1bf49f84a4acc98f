//! The answer as people read it.

use std::fmt;

use super::explanation::{Explanation, Origin, Variable};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.file))?;
        if let Some(section) = &self.section {
            write!(f, " [{}]", printable(section))?;
        }
        if let Some(option) = &self.option {
            write!(f, " {}", printable(option))?;
        }
        writeln!(f)?;
        line(f, "value", &self.value_lines())?;
        let from = match &self.from {
            Some(origin) => origin.lines(),
            None => vec!["nowhere: it is the daemon's own default".into()],
        };
        line(f, "from", &from)?;
        let instead: Vec<_> = self.instead_of.iter().flat_map(Origin::lines).collect();
        line(f, "instead of", &instead)?;
        let variables: Vec<_> = self.variables.iter().map(ToString::to_string).collect();
        line(f, "variables", &variables)?;
        line(f, "revision", &[self.revision.to_string()])
    }
}

impl Explanation {
    fn value_lines(&self) -> Vec<String> {
        if self.from.is_none() {
            return vec!["not set".into()];
        }
        let mut lines: Vec<String> = self
            .values
            .iter()
            // The other lines of a value stand indented in the file as well.
            .flat_map(|value| match self.option {
                Some(_) => value.replace('\n', "\n    ").split('\n').map(printable).collect(),
                None => value.lines().map(printable).collect::<Vec<_>>(),
            })
            .collect();
        if self.masked
            && let Some(first) = lines.first_mut()
        {
            *first += "  (a secret; --show-secrets prints it)";
        }
        lines
    }
}

impl Origin {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Key { key, layer } => {
                vec![format!("{} (layer {})", printable(key), printable(layer))]
            }
            Self::Default { path, lines } if lines.is_empty() => vec![printable(path)],
            Self::Default { path, lines } => {
                lines.iter().map(|line| format!("{}:{line}", printable(path))).collect()
            }
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from.as_deref() {
            Some("environment") => write!(f, "{} from the environment", self.name),
            Some(key) => write!(f, "{} from {key}", self.name),
            None => write!(f, "{} is not set; the value's own default counts", self.name),
        }
    }
}

/// Lines under one name; none of them, no name.
fn line(f: &mut fmt::Formatter<'_>, name: &str, lines: &[String]) -> fmt::Result {
    let mut name = format!("{name}:");
    for line in lines {
        writeln!(f, "  {name:<12}{line}")?;
        name.clear();
    }
    Ok(())
}

/// A terminal is told nothing that it would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
