//! Which rights `.access.toml` may have said, for a run that does not have it.

use etcstack_config::key::Key;
use etcstack_config::problem::Place;
use etcstack_config::references::ServiceName;
use etcstack_store::{AccessState, Kind, LOAD_MARK, Rights, Span};

use super::declared::{Extra, What, parse_what};
use super::names::Names;
use super::wanted::{Wanted, base};

/// The rights that are there, are not wanted otherwise and can have been said. Not those to single
/// variables: most of them come from keys that referred to them.
pub(super) fn extras(
    names: &Names,
    prefix: &str,
    state: &AccessState,
    wanted: &Wanted,
) -> Vec<Extra> {
    let mut extras = Vec::new();
    for (role, rights) in &state.roles {
        let Some(service) = service_of(rights, prefix) else { continue };
        if names.service(&service.role, &service.service) != *role {
            continue;
        }
        let spans = rights.iter().filter(|(_, kind)| **kind == Kind::Read).map(|(span, _)| span);
        let whats: Vec<_> = spans.filter_map(|span| said(span, prefix, &service)).collect();
        // Layers alone are no sign of a service that only the file knows.
        let of_own_role = |what: &What| match what {
            What::Layer(layer) => base(&layer.role) == service.role,
            What::Layers(start) => base(start) == service.role,
            _ => false,
        };
        if wanted.roles.contains_key(role) || !whats.iter().all(of_own_role) {
            extras.extend(whats.into_iter().map(|what| Extra {
                role: Some(service.role.clone()),
                service: service.service.clone(),
                what,
                place: Place::Key(role.clone()),
            }));
        }
    }
    extras
}

/// Whose rights these are: everybody has one that names the role and the service.
fn service_of(rights: &Rights, prefix: &str) -> Option<ServiceName> {
    let start = format!("{prefix}_etcstack/bad/");
    rights.keys().find_map(|span| {
        let text = span.to_string();
        // Any file will do: keys know how roles and services are spelled.
        match Key::parse(&format!("{}/x", text.strip_prefix(&start)?)) {
            Ok(Key::File(file)) => Some(ServiceName { role: file.role, service: file.service }),
            _ => None,
        }
    })
}

/// What somebody may have said to grant this.
fn said(span: &Span, prefix: &str, service: &ServiceName) -> Option<What> {
    let text = span.to_string();
    let what = parse_what(text.strip_prefix(prefix)?).ok()?;
    let is_usual = match &what {
        What::Variable(_) => true,
        What::Variables(_) | What::Layers(_) => false,
        What::Layer(layer) => layer == service,
        What::Key(key) => key == LOAD_MARK,
        What::Below(start) => start.starts_with("_etcstack/loaded/"),
    };
    (!is_usual).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rights: &[(&str, Kind)], is_wanted: bool) -> Vec<What> {
        let span = |text: &str| match text.strip_suffix('*') {
            Some(start) => Span::below(start),
            None => Span::key_itself(text),
        };
        let role = "p.c.s".to_owned();
        let mut there: Rights = rights.iter().map(|(text, kind)| (span(text), *kind)).collect();
        there.insert(span("p/_etcstack/bad/c/s"), Kind::ReadWrite);
        let state = AccessState { roles: [(role.clone(), there)].into(), ..Default::default() };
        let mut wanted = Wanted::default();
        if is_wanted {
            wanted.roles.insert(role, Rights::new());
        }
        let extras = extras(&Names::of_store("p/"), "p/", &state, &wanted);
        extras.into_iter().map(|extra| extra.what).collect()
    }

    #[test]
    fn what_may_have_been_said() {
        let rights = [
            ("p/c/s/*", Kind::Read),
            ("p/_etcstack/load", Kind::Read),
            ("p/_etcstack/loaded/c/s/*", Kind::Read),
            ("p/general/A", Kind::Read),
            ("p/general/B_*", Kind::Read),
            ("p/_etcstack/bootstrap/x/y", Kind::Read),
            ("p/_etcstack/turns/other/*", Kind::ReadWrite),
            ("other/c/x/*", Kind::Read),
        ];
        let said = [What::Key("_etcstack/bootstrap/x/y".into()), What::Variables("B_".into())];
        assert_eq!(found(&rights, true), said);
        assert_eq!(found(&rights, false), said);
    }

    #[test]
    fn layers_keep_no_service_that_is_gone() {
        let layer = ServiceName { role: "c@n".into(), service: "s".into() };
        let rights = [("p/c@n/s/*", Kind::Read), ("p/_etcstack/loaded/c@n/s/*", Kind::Read)];
        assert_eq!(found(&rights, true), [What::Layer(layer)]);
        assert!(found(&rights, false).is_empty());
    }
}
