//! A file, edited as the agent does it.

use std::path::Path;

use etcstack_config::Entries;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::escape;
use etcstack_config::layers::ServiceConfig;
use etcstack_config::problem::Problems;
use etcstack_config::render::{DefaultFile, FileInputs, render};
use etcstack_config::variables::Scope;

/// Sets options of a file, given as the rest of their keys, `SECTION/OPTION`, and what these hold.
pub fn set(
    dialect: Dialect,
    default: &str,
    options: &[(String, String)],
    scope: &Scope,
) -> Result<String, Problems> {
    let entries: Entries = options
        .iter()
        .map(|(name, value)| (format!("r/s/f/{name}"), value.clone().into_bytes()))
        .collect();
    let config = ServiceConfig::resolve(&entries, &"r".parse().unwrap(), "s")?;
    let file = config.files.into_values().next().unwrap_or_default();
    let inputs = FileInputs::new(dialect, file, scope);
    let default = DefaultFile { path: Path::new("/default"), bytes: default.as_bytes() };
    let bytes = render(&inputs, Some(default))?.expect("there is a default");
    Ok(String::from_utf8(bytes).expect("text stays text"))
}

/// The rest of the keys for options that are given by section and name, and what they hold.
pub fn keys<V>(
    options: &[((String, String), V)],
    text: impl Fn(&V) -> String,
) -> Vec<(String, String)> {
    let key = |section: &str, option: &str| format!("{}/{option}", escape(section));
    options.iter().map(|((s, o), value)| (key(s, o), text(value))).collect()
}

/// Variables that are taken as they are.
pub fn environment(variables: &[(&str, &str)]) -> Scope {
    let own = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    Scope { environment: variables.iter().map(own).collect(), ..Scope::default() }
}
