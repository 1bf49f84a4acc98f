//! Addresses that stand where most others have a password: `ovn_nb_connection = tcp:ovn:6641`.
//!
//! The name of an option or a variable that ends in `connection` is a secret's, since databases have
//! their passwords there. A value is none if it can be nothing but the addresses of sockets.

use std::collections::BTreeSet;

use etcstack_config::Entries;
use etcstack_config::key::{Key, variable_key};
use etcstack_config::secret::{is_reference, is_secret_name};

/// How deep variables may refer to variables.
const DEEPEST: usize = 8;

/// Whether a name is a secret's by this ending only.
fn is_connection_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let numbered = name.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    numbered
        .strip_suffix("connection")
        .is_some_and(|start| (start.is_empty() || start.ends_with('_')) && !is_secret_name(start))
}

/// Whether the value of a key decides: its name is a secret's by this ending only.
pub(crate) fn may_hold_address(key: &Key) -> bool {
    match key {
        // The name of an account there may be any.
        Key::Option(_, name) if is_tempauth(name.section.as_deref()) => false,
        Key::Option(_, name) => is_connection_name(&name.option),
        Key::Variable(name) => is_connection_name(name),
        _ => false,
    }
}

/// Whether a key may be shown whatever its name says: in these states it holds nothing but addresses,
/// or refers to what does.
pub(crate) fn is_address(key: &Key, value: &[u8], states: &[&Entries]) -> bool {
    may_hold_address(key)
        && std::str::from_utf8(value)
            .is_ok_and(|value| holds_addresses(value, Look { states, left: DEEPEST }))
}

fn is_tempauth(section: Option<&str>) -> bool {
    section.is_some_and(|section| section.contains("tempauth"))
}

/// What a text has to be.
type Form = fn(&str, Look<'_>) -> bool;

/// Where variables are looked up, and how many more may be, one behind the other.
#[derive(Clone, Copy)]
struct Look<'a> {
    states: &'a [&'a Entries],
    left: usize,
}

impl Look<'_> {
    /// Whether what a variable holds has this form in all states that have it; `None` where none has.
    fn holds(self, name: &str, form: Form) -> Option<bool> {
        let key = variable_key(name);
        let values: BTreeSet<_> =
            self.states.iter().filter_map(|entries| entries.get(&key)).collect();
        if values.is_empty() {
            return None;
        }
        let Some(left) = self.left.checked_sub(1) else { return Some(false) };
        let has_form = |value: &&Vec<u8>| {
            std::str::from_utf8(value).is_ok_and(|value| form(value, Self { left, ..self }))
        };
        Some(values.iter().all(has_form))
    }

    /// Whether a reference stands for a part of this form, or for what nobody here has.
    fn stands_for(self, reference: &str, form: Form) -> bool {
        plain_name(reference).is_some_and(|name| self.holds(name, form).unwrap_or(true))
    }
}

fn holds_addresses(value: &str, look: Look<'_>) -> bool {
    if !is_reference(value) {
        return value.split(',').all(|text| is_socket(text, look));
    }
    let name = plain_name(value).filter(|name| is_connection_name(name));
    name.and_then(|name| look.holds(name, holds_addresses)).unwrap_or_default()
}

/// The name in a reference without a filter.
fn plain_name(reference: &str) -> Option<&str> {
    let name = reference.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    (!name.contains('|')).then_some(name)
}

/// `tcp:HOST:PORT`, `ssl:HOST:PORT` or `unix:/PATH`, and nothing else.
fn is_socket(text: &str, look: Look<'_>) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "unix" => rest.starts_with('/') && rest.chars().all(is_of_path),
        "tcp" | "ssl" => rest
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_host(host, look) && is_port(port, look)),
        _ => false,
    }
}

fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._-".contains(c)
}

fn is_host(text: &str, look: Look<'_>) -> bool {
    if is_reference(text) {
        return look.stands_for(text, is_host);
    }
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bracketed {
        return is_numeric(address, look);
    }
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text.chars().all(is_of_name)
}

/// An IPv6 address, as it stands in brackets.
fn is_numeric(text: &str, look: Look<'_>) -> bool {
    if is_reference(text) {
        return look.stands_for(text, is_numeric);
    }
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_port(text: &str, look: Look<'_>) -> bool {
    if is_reference(text) {
        return look.stands_for(text, is_port);
    }
    text.parse::<u16>().is_ok() && text.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn shows(key: &str, value: &str, states: &[&Entries]) -> bool {
        is_address(&Key::parse(key).unwrap(), value.as_bytes(), states)
    }

    #[test]
    fn what_can_be_nothing_else() {
        for value in [
            "tcp:127.0.0.1:6640",
            "tcp:ovn_nb:6641,ssl:ovn.internal:6641",
            "ssl:[fd00::1]:6642",
            "tcp:$OVN_HOST:6641",
            "tcp:[$OVN_HOST]:${PORT}",
            "tcp://h:1",
            "unix:/run/openvswitch/db.sock",
            "unix:///run/ovn/ovnnb_db.sock",
        ] {
            assert!(shows("r/n/n.conf/ovn/ovn_nb_connection", value, &[]), "{value}");
            assert!(shows("general/OVN_NB_CONNECTION_2", value, &[]), "{value}");
        }
        for value in [
            "",
            "sesame",
            "tcp:",
            "tcp:h",
            "tcp:h:sesame",
            "tcp:h:99999",
            "tcp:h:+1",
            "tcp:u:sesame@h:1",
            "tcp://u:sesame@h:1",
            "tcp:u@h:1",
            "tcp:h:1/sesame",
            "tcp:h:1?password=sesame",
            "tcp:h:1,sesame",
            "tcp:h:1 sesame",
            "tcp:h:1\nsesame",
            "tcp:${H:-sesame}:1",
            "tcp:[sesame]:1",
            "unix:sesame",
            "unix:/x?sesame",
            "mysql://h:1",
            "http:h:1",
            "$NOWHERE_CONNECTION",
        ] {
            assert!(!shows("r/n/n.conf/ovn/ovn_nb_connection", value, &[]), "{value}");
        }
    }

    #[test]
    fn names_that_say_more() {
        for key in [
            "r/n/n.conf/ovn/secret_connection",
            "r/n/n.conf/ovn/ovn_nb_connection_password",
            "r/n/n.conf/ovn/transport_url",
            "r/n/p.conf/filter:tempauth/user_a_connection",
            "r/n/connection",
            "general/DB_PASSWORD",
            "general/TOKEN_CONNECTION",
            "_etcstack/connection",
        ] {
            assert!(!shows(key, "tcp:h:1", &[]), "{key}");
        }
    }

    /// In every state: what was a password once is none now.
    #[test]
    fn by_way_of_variables() {
        let option = "r/n/n.conf/ovn/ovn_nb_connection";
        let good = entries(&[
            ("general/A_CONNECTION", "tcp:$HOST:1"),
            ("general/B_CONNECTION", "${A_CONNECTION}"),
            ("general/C_CONNECTION", "$C_CONNECTION"),
            ("general/HOST", "h"),
            ("general/SOCKET", "tcp:h:1"),
            ("general/HH", "u:sesame"),
            ("general/DEFAULT", "${HH:-h}"),
            ("general/FILTERED", "${HOST|url}"),
            ("general/FAR_HOST", "$HOST"),
            ("general/FAR_HH", "$HH"),
            ("general/CIRCLE", "$CIRCLE"),
            ("general/PORT", "6641"),
            ("general/SIX", "fd00::1"),
            ("general/D_CONNECTION", "tcp:$FAR_HH:1"),
        ]);
        let bad = entries(&[
            ("general/A_CONNECTION", "sesame"),
            ("general/FAR_HOST", "u:sesame"),
            ("general/PORT", "sesame"),
        ]);
        for (value, states, expected) in [
            ("$A_CONNECTION", &[&good][..], true),
            ("$B_CONNECTION", &[&good], true),
            ("$C_CONNECTION", &[&good], false),
            ("$A_CONNECTION", &[&good, &bad], false),
            ("$B_CONNECTION", &[&bad, &good], false),
            // Its own name says nothing of what it holds.
            ("$SOCKET", &[&good], false),
            // Its parts are what they stand for: a host, a port.
            ("tcp:$FAR_HOST:$PORT", &[&good], true),
            ("tcp:[$SIX]:1,ssl:$NOWHERE:${NOWHERE}", &[&good, &bad], true),
            ("tcp:$HH:1", &[&good], false),
            ("tcp:$FAR_HH:1", &[&good], false),
            ("tcp:h:$HH", &[&good], false),
            ("tcp:h:$HOST", &[&good], false),
            ("tcp:[$HOST]:1", &[&good], false),
            ("tcp:$DEFAULT:1", &[&good], false),
            ("tcp:$FILTERED:1", &[&good], false),
            ("tcp:${HOST|url}:1", &[&good], false),
            ("tcp:$CIRCLE:1", &[&good], false),
            ("$D_CONNECTION", &[&good], false),
            ("tcp:$FAR_HOST:1", &[&good, &bad], false),
            ("tcp:h:$PORT", &[&bad, &good], false),
            ("${A_CONNECTION|url}", &[&good], false),
        ] {
            assert_eq!(shows(option, value, states), expected, "{value}");
        }
    }
}
