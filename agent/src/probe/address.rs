//! `HOST:PORT`, and connecting to it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::{SILENT, reason};

/// A host and a port. The name is looked up anew at each connection.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

impl Address {
    /// Reads `HOST:PORT` or `[ADDRESS]:PORT`. The error does not repeat the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let missing = "write HOST:PORT, as in db:3306 or [::1]:3306";
        let (host, port) = text.rsplit_once(':').ok_or(missing)?;
        Self::new(host, port_number(port)?)
    }

    /// The host may stand in brackets.
    pub(super) fn new(host: &str, port: u16) -> Result<Self, String> {
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) if is_ipv6(inner) => inner,
            Some(_) => return Err("what stands in the brackets is no IPv6 address".into()),
            None if host.contains(':') => {
                return Err("write an IPv6 address in brackets, as in [::1]:3306".into());
            }
            None => name(host)?,
        };
        Ok(Self { host: host.to_owned(), port })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Connects to the first address of the host that answers.
    pub(super) async fn connect(&self, limit: Duration) -> Result<TcpStream, String> {
        let deadline = Instant::now() + limit;
        let found = lookup_host((self.host.as_str(), self.port)).await.map_err(|error| {
            let text = error.to_string();
            let text = text.trim_start_matches("failed to lookup address information: ");
            format!("the name does not resolve: {text}")
        })?;
        connect_any(&found.collect::<Vec<_>>(), deadline).await
    }
}

/// Each address has its share of the time, so that a dead one does not use up all of it.
async fn connect_any(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, String> {
    let mut reasons = BTreeSet::new();
    for (left, address) in (1..=u32::try_from(addresses.len()).unwrap_or(1)).rev().zip(addresses) {
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reasons.insert(reason(&error)),
            Err(_) => reasons.insert(SILENT.to_owned()),
        };
    }
    if reasons.is_empty() {
        return Err("the name has no address".into());
    }
    // Sorted, whatever the order of the addresses this time: the same failure, the same text.
    Err(reasons.into_iter().collect::<Vec<_>>().join("; "))
}

pub(super) fn port_number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err("the port is no number from 1 to 65535".into()),
    }
}

fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "eth0"));
    address.parse::<Ipv6Addr>().is_ok() && name(zone).is_ok()
}

fn name(host: &str) -> Result<&str, String> {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host.is_empty() {
        Err("the host is empty".into())
    } else if host.contains('$') {
        Err("the host holds a $; a variable's name is upper case, as in $DB_HOST".into())
    } else if !host.chars().all(usual) {
        Err("the host holds a character that no host's name has".into())
    } else {
        Ok(host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[test]
    fn addresses() {
        for (text, host, shown) in [
            ("db:3306", "db", "db:3306"),
            ("10.0.0.1:1", "10.0.0.1", "10.0.0.1:1"),
            ("my_db.example.com:65535", "my_db.example.com", "my_db.example.com:65535"),
            ("[::1]:3306", "::1", "[::1]:3306"),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", "[fe80::1%eth0]:80"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host.as_str(), address.to_string().as_str()), (host, shown));
        }
    }

    #[test]
    fn what_is_no_address() {
        for (text, message) in [
            ("secret", "write HOST:PORT"),
            ("", "write HOST:PORT"),
            ("secret:", "the port is no number"),
            ("secret:0", "the port is no number"),
            ("secret:+1", "the port is no number"),
            ("secret:65536", "the port is no number"),
            (":1", "the host is empty"),
            ("::1:3306", "in brackets"),
            ("[secret]:1", "no IPv6 address"),
            ("[]:1", "no IPv6 address"),
            ("[::1%]:1", "no IPv6 address"),
            ("[::1]", "the port is no number"),
            ("$my_secret:1", "upper case"),
            ("secret@db:1", "a character"),
            ("secret\n:1", "a character"),
            ("http://secret:1", "in brackets"),
        ] {
            let Err(error) = Address::parse(text) else { panic!("{text}") };
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_and_all_reasons_told() {
        let taken = TcpSocket::new_v4().unwrap();
        taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refused = taken.local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let stream = connect_any(&[refused, open], deadline).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        for (addresses, message) in
            [(vec![refused, refused], "connection refused"), (vec![], "the name has no address")]
        {
            assert_eq!(connect_any(&addresses, deadline).await.unwrap_err(), message);
        }
    }
}
