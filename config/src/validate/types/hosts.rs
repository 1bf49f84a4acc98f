//! Addresses, names of hosts, URIs.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Refusal;
use crate::catalog::Rules;

/// The longest name of a host.
const LONGEST_NAME: usize = 253;
/// The longest part of one.
const LONGEST_LABEL: usize = 63;

pub(super) fn check_address(text: &str, version: Option<u8>) -> Result<(), Refusal> {
    if is_address(text, version) {
        return Ok(());
    }
    let wanted = match version {
        Some(version) => format!("an IPv{version} address"),
        None => "an IP address".to_owned(),
    };
    Err(Refusal::wrong_type(format!("the value is not {wanted}"), format!("write {wanted}")))
}

pub(super) fn check_hostname(text: &str, underscores: bool) -> Result<(), Refusal> {
    if is_hostname(text, underscores) {
        return Ok(());
    }
    Err(Refusal::wrong_type("the value is not a host's name", HOST_REMEDY))
}

pub(super) fn check_host(
    text: &str,
    version: Option<u8>,
    underscores: bool,
) -> Result<(), Refusal> {
    let host = is_address(text, version)
        || is_hostname(text, false)
        || underscores && is_hostname(text, true);
    if host {
        return Ok(());
    }
    Err(Refusal::wrong_type("the value is not a host's name or address", HOST_REMEDY))
}

const HOST_REMEDY: &str =
    "write a name or an address alone, without a scheme, a port or blanks around it";

fn is_address(text: &str, version: Option<u8>) -> bool {
    let four = version != Some(6) && text.parse::<Ipv4Addr>().is_ok();
    four || version != Some(4) && text.parse::<Ipv6Addr>().is_ok()
}

fn is_hostname(text: &str, underscores: bool) -> bool {
    if text.is_empty() || text.chars().count() > LONGEST_NAME {
        return false;
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or_default();
    // Otherwise it would be an address with a mistake in it.
    if !last.contains(|c: char| c.is_ascii_alphabetic() || c == '-') {
        return false;
    }
    // Python folds two letters outside ASCII into it.
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || c == '-'
            || (underscores && c == '_')
            || matches!(c, '\u{130}' | '\u{131}' | '\u{17f}' | '\u{212a}')
    };
    text.split('.').all(|label| {
        let length = label.chars().count();
        (1..=LONGEST_LABEL).contains(&length)
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// As rfc3986 has it: a scheme and a host. It takes any path.
pub(super) fn check_uri(text: &str, rules: Option<&Rules>) -> Result<(), Refusal> {
    let whole = "write the whole of it, such as http://host:port/path";
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(Refusal::wrong_type("the URI has no scheme", whole));
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return Err(Refusal::wrong_type("the URI has no scheme", whole));
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Refusal::wrong_type("the URI has no host", whole));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() || host.starts_with(':') {
        return Err(Refusal::wrong_type("the URI has no host", whole));
    }
    // Of what is not ASCII, rfc3986 takes some.
    let is_bad = |c: char| c.is_ascii_control() || " \"<>\\^`{|}".contains(c);
    if user.contains(is_bad) || host.contains(is_bad) {
        let remedy = "percent-encode it, for variables with ${NAME|url}";
        return Err(Refusal::wrong_type("the URI's host holds a character that none has", remedy));
    }
    check_rest(scheme, text, rules)
}

fn check_rest(scheme: &str, text: &str, rules: Option<&Rules>) -> Result<(), Refusal> {
    let Some(rules) = rules else { return Ok(()) };
    let any = rules.schemes.is_empty();
    if !any && !rules.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        let message = "the URI's scheme is none of those that the service takes";
        let remedy = format!("use {}", rules.schemes.join(", "));
        return Err(Refusal::wrong_type(message, remedy));
    }
    if let Some(most) = rules.max_length
        && text.chars().count() > most
    {
        let message = format!("the value is longer than {most} characters");
        return Err(Refusal::out_of_range(message, "shorten it"));
    }
    Ok(())
}
