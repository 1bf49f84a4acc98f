//! Options that earlier releases of a service had, and the one that is checked against has not.

use super::sections::{anywhere, candidates, elsewhere};
use super::{Catalogs, Code, Finding, Severity};
use crate::catalog::{Catalog, CatalogOption};
use crate::document::normal_section;
use crate::problem::Place;

/// The catalogs of an earlier release.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// Its name, such as `2026.1`.
    pub release: String,
    /// The release after it: what it had and that one lacks was removed there.
    pub next: String,
    /// What its services had.
    pub catalogs: Catalogs,
}

/// An option that there was.
pub(super) struct Removed<'a> {
    earlier: &'a Earlier,
    known: &'a CatalogOption,
}

impl<'a> Removed<'a> {
    /// What the newest of the earlier releases that had it, which stand first, says of an option.
    pub(super) fn find(
        earlier: &'a [Earlier],
        service: &str,
        section: &str,
        option: &str,
    ) -> Option<Self> {
        Self::first(earlier, service, |catalog| candidates(Some(catalog), section, option).next())
    }

    /// The same for a section whose name is made up: of those, and not of the service's own ones.
    pub(super) fn in_made_up(earlier: &'a [Earlier], service: &str, option: &str) -> Option<Self> {
        Self::first(earlier, service, |catalog| {
            anywhere(catalog, option).into_iter().find(|known| is_for_made_up(catalog, known))
        })
    }

    fn first(
        earlier: &'a [Earlier],
        service: &str,
        find: impl Fn(&'a Catalog) -> Option<&'a CatalogOption>,
    ) -> Option<Self> {
        earlier.iter().find_map(|earlier| {
            let known = find(earlier.catalogs.find(service)?)?;
            Some(Self { earlier, known })
        })
    }

    /// What is said of the option, which stands in this section.
    pub(super) fn finding(
        &self,
        place: Place,
        severity: Severity,
        section: &str,
        option: &str,
        now: &Catalog,
    ) -> Finding {
        let Earlier { release, next, .. } = self.earlier;
        let CatalogOption { group, name, removal, .. } = self.known;
        let message = format!("{option} in [{section}] was removed in {next} (was in {release})");
        let is_former = name != option || normal_section(group) != normal_section(section);
        let reason = removal.as_deref().filter(|reason| !reason.is_empty());
        let remedy = if is_former && now.find(group, name).next().is_some() {
            format!("write {name} in [{group}]; as it stands, it is ignored")
        } else {
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let home = only_home(now, option)
                .map_or_else(String::new, |home| format!("; [{home}] has one of this name"));
            format!("delete it, since it is ignored{reason}{home}")
        };
        let code = Code::RemovedOption;
        Finding { severity, ..Finding::error(place, code, message) }.remedy(remedy)
    }
}

/// The only section that has an option of this name now. One that several have is of a kind that many
/// things have, such as `ca_file`; whether the option has gone there, no catalog says.
fn only_home<'a>(now: &'a Catalog, option: &str) -> Option<&'a str> {
    let mut here = elsewhere(now, option);
    here.next().filter(|_| here.next().is_none()).map(|known| known.group.as_str())
}

/// Whether an option is one of sections with made-up names: a template, or in a section that stands
/// for all of a kind, as those of cinder's backends and zones and of glance's stores do.
fn is_for_made_up(catalog: &Catalog, known: &CatalogOption) -> bool {
    let group = known.group.as_str();
    !known.owner.is_empty()
        || catalog.makes_up(group)
        || group.starts_with("backend")
        || group.ends_with("_example")
        || group == "glance_store"
        || group.starts_with("glance.store.")
}
