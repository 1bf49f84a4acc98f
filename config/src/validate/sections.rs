//! Sections whose names are made up, and what may stand in them.

use std::collections::{BTreeMap, BTreeSet};

use super::Entry;
use super::value::read;
use crate::catalog::{Catalog, CatalogOption};
use crate::document::normal_section;
use crate::variables::Scope;

/// The option that says which plugin of keystoneauth reads more options in its section.
const PLUGIN: &str = "auth_type";

/// The words in the values of each service: any of them may be the name of a section, as `lvm` is
/// in `enabled_backends = lvm` or in `local:file`.
pub(super) struct Words<'a>(BTreeMap<&'a str, BTreeSet<String>>);

impl<'a> Words<'a> {
    pub(super) fn of(entries: &'a [Entry<'_>], scope: &Scope) -> Self {
        let mut words: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for entry in entries {
            let Some((service, _, _)) = entry.oslo() else { continue };
            let words = words.entry(service).or_default();
            for value in read(entry, scope) {
                let text = value.text.unwrap_or_else(|| entry.datum.value.clone());
                let parts = text.split(|c: char| c.is_whitespace() || ",:;=[]{}\"'".contains(c));
                words.extend(parts.filter(|part| !part.is_empty()).map(normal_section));
            }
        }
        Self(words)
    }

    /// Whether a section of the service has its name from a value.
    pub(super) fn name(&self, service: &str, section: &str) -> bool {
        let section = normal_section(section);
        self.0.get(service).is_some_and(|words| words.contains(&section))
    }
}

/// What is known of an option of a section that the catalog has: the options that read it, else
/// those of a plugin.
pub(super) fn candidates<'a>(
    catalog: Option<&'a Catalog>,
    section: &str,
    option: &str,
) -> impl Iterator<Item = &'a CatalogOption> + use<'a> {
    let options: Vec<_> = catalog.into_iter().flat_map(|c| c.find(section, option)).collect();
    let plugins = options.is_empty() && catalog.is_some_and(|c| takes_plugins(c, section));
    let templates = catalog.filter(|_| plugins).map_or(&[][..], Catalog::templates);
    let option = option.to_owned();
    let templates = templates.iter().filter(move |t| t.owner == PLUGIN && t.name == option);
    options.into_iter().chain(templates)
}

/// All options of this name, wherever they are: what a made-up section may hold.
pub(super) fn anywhere<'a>(catalog: &'a Catalog, option: &str) -> Vec<&'a CatalogOption> {
    let all = catalog.options().iter().chain(catalog.templates());
    all.filter(|known| known.names().any(|(_, name)| name == option)).collect()
}

/// The options of sections with known names that are called just so.
pub(super) fn elsewhere<'a>(
    catalog: &'a Catalog,
    option: &str,
) -> impl Iterator<Item = &'a CatalogOption> {
    let spelled = option.replace('-', "_");
    catalog.options().iter().filter(move |known| known.name == spelled)
}

/// Whether options of plugins may stand in this section.
fn takes_plugins(catalog: &Catalog, section: &str) -> bool {
    catalog.find(section, PLUGIN).next().is_some()
}
