//! What services read besides, which is in no key: `--also` and `.access.toml`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use etcstack_config::key::{GENERAL, Key, SYSTEM};
use etcstack_config::problem::{Place, Problem, Problems};
use etcstack_config::references::ServiceName;
use etcstack_config::variables::is_name;
use serde::Deserialize;
use toml::Spanned;

use super::AccessError;
use crate::task;

/// A hidden file, which no load takes for data.
const FILE: &str = ".access.toml";

/// Something that a service reads besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extra {
    /// The role of the service; all of its roles where none is said.
    pub(super) role: Option<String>,
    pub(super) service: String,
    pub(super) what: What,
    /// Where that is said.
    pub(super) place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A variable, and those that it refers to.
    Variable(String),
    /// All variables that start so, and those that they refer to.
    Variables(String),
    /// The keys of the service in another role.
    Layer(ServiceName),
    /// All layers whose names start so, whoever's keys they hold: which there will be, nobody knows.
    Layers(String),
    /// One key.
    Key(String),
    /// All keys that start so.
    Below(String),
}

/// What the file holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    also: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

/// What is said on the command line and in the directory's file.
pub(super) fn read(dir: Option<&Path>, also: &[String]) -> Result<Vec<Extra>, AccessError> {
    let mut extras = Vec::new();
    for text in also {
        let (who, what) = text.split_once('=').ok_or_else(|| {
            AccessError::Usage(format!("--also {text}: write SERVICE=KEY or ROLE/SERVICE=KEY"))
        })?;
        let extra = extra(who, what, Place::Key(format!("--also {text}")));
        extras.push(extra.map_err(|problem| AccessError::Usage(problem.to_string()))?);
    }
    let Some(path) = dir.map(|dir| dir.join(FILE)) else { return Ok(extras) };
    match std::fs::read_to_string(&path) {
        Ok(text) => extras.extend(parse(&path, &text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(AccessError::Input { path, reason: error.to_string() }),
    }
    Ok(extras)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Extra>, Problems> {
    let place = |offset: usize| task::place(path, text, offset);
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Problem::new(place(offset), error.message())
    })?;
    let mut extras = Vec::new();
    let mut problems = Problems::default();
    for (who, keys) in &file.also {
        for key in keys {
            match extra(who.get_ref(), key.get_ref(), place(key.span().start)) {
                Ok(extra) => extras.push(extra),
                Err(problem) => problems.0.push(problem),
            }
        }
    }
    problems.or_ok(extras)
}

fn extra(who: &str, what: &str, place: Place) -> Result<Extra, Problem> {
    let (role, service) = match who.split_once('/') {
        Some((role, service)) => (Some(role), service),
        None => (None, who),
    };
    if role.is_some_and(|role| role.is_empty() || role.contains('@'))
        || service.is_empty()
        || service.contains('/')
    {
        let message = format!(
            "\"{}\" is no service; write SERVICE or ROLE/SERVICE, the role without @: its layers \
             belong to it",
            who.escape_debug()
        );
        return Err(Problem::new(place, message));
    }
    let what = match parse_what(what) {
        Ok(what) => what,
        Err(message) => return Err(Problem::new(place, message)),
    };
    let role = role.map(str::to_owned);
    Ok(Extra { role, service: service.to_owned(), what, place })
}

pub(super) fn parse_what(text: &str) -> Result<What, String> {
    let no_key = |why: &dyn std::fmt::Display| format!("\"{}\": {why}", text.escape_debug());
    let Some(start) = text.strip_suffix('*') else {
        return match Key::parse(text) {
            Ok(Key::Variable(name)) => Ok(What::Variable(name)),
            Ok(_) => Ok(What::Key(text.to_owned())),
            Err(error) => Err(no_key(&error)),
        };
    };
    match start.split('/').collect::<Vec<_>>()[..] {
        [GENERAL, ""] => Ok(What::Variables(String::new())),
        [GENERAL, name] if is_name(name) => Ok(What::Variables(name.to_owned())),
        [SYSTEM, _, ..] => Ok(What::Below(start.to_owned())),
        [role, service, ""] if role != GENERAL && !role.is_empty() && !service.is_empty() => {
            // Any file will do: what counts is how the role and the service are spelled.
            match Key::parse(&format!("{start}x")) {
                Ok(Key::File(file)) => {
                    Ok(What::Layer(ServiceName { role: file.role, service: file.service }))
                }
                Ok(_) => Err(no_key(&"it is no service's folder")),
                Err(error) => Err(no_key(&error)),
            }
        }
        // Never all roles that happen to start alike, as `compute` and `compute-old`.
        [layer] if layer.split_once('@').is_some_and(|(role, _)| !role.is_empty()) => {
            match Key::parse(&format!("{layer}x/x/x")) {
                Ok(_) => Ok(What::Layers(layer.to_owned())),
                Err(error) => Err(no_key(&error)),
            }
        }
        _ => Err(no_key(&"write general/START*, ROLE/SERVICE/*, ROLE@* or _etcstack/…*")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_said() {
        for (text, what) in [
            ("general/A", What::Variable("A".into())),
            ("general/A_*", What::Variables("A_".into())),
            ("_etcstack/bootstrap/x/y", What::Key("_etcstack/bootstrap/x/y".into())),
            ("_etcstack/bootstrap/x*", What::Below("_etcstack/bootstrap/x".into())),
            (
                "compute@a/nova/*",
                What::Layer(ServiceName { role: "compute@a".into(), service: "nova".into() }),
            ),
            ("compute@*", What::Layers("compute@".into())),
            ("compute@rack7-*", What::Layers("compute@rack7-".into())),
        ] {
            assert_eq!(parse_what(text), Ok(what), "{text}");
        }
        for bad in [
            "",
            "*",
            "a",
            "a*",
            "@*",
            "_x@*",
            "general/a",
            "general/a*",
            "r/s",
            "r/*",
            "r@x/*",
            "r/s/f*",
            "/s/*",
            "_x/y/*",
        ] {
            assert!(parse_what(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_and_its_mistakes() {
        let path = Path::new(".access.toml");
        let text = "[also]\nkeystone = [\"general/A\"]\n\"c/glance\" = [\"general/B_*\"]\n";
        let extras = parse(path, text).unwrap();
        assert_eq!(extras.len(), 2);
        assert_eq!(extras.iter().filter(|extra| extra.role.as_deref() == Some("c")).count(), 1);
        let text = "[also]\n\"c@x/glance\" = [\"general/A\"]\ns = [\n  \"nothing\",\n]\n";
        let problems = parse(path, text).unwrap_err().to_string();
        let lines: Vec<_> = problems.lines().collect();
        assert!(
            lines[0].starts_with(".access.toml:2:17: \"c@x/glance\" is no service"),
            "{problems}"
        );
        assert!(lines[1].starts_with(".access.toml:4:3: \"nothing\": a key is"), "{problems}");
        assert!(parse(path, "[alos]\n").is_err());
    }
}
