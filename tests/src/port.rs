//! Ports of our own.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Below the ports that Linux gives to outgoing connections, so that none of those takes a port
/// while its server is stopped.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A port on 127.0.0.1 that no other test takes as long as this lives, whether or not somebody
/// listens there.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// The name of an abstract socket belongs to one process at a time, and ends with it.
    _claim: UnixListener,
}

impl Port {
    /// Claims a port on which nobody listens now.
    pub fn claim() -> Self {
        let length = u64::from(RANGE.end - RANGE.start);
        let start = RandomState::new().build_hasher().finish();
        let numbers = (0..length).filter_map(|step| {
            u16::try_from(start.wrapping_add(step) % length).ok().map(|n| RANGE.start + n)
        });
        let mut ports = numbers.filter_map(|number| {
            let name = SocketAddr::from_abstract_name(format!("etcstack-test-port-{number}"));
            let claim = UnixListener::bind_addr(&name.ok()?).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
            Some(Self { number, _claim: claim })
        });
        ports.next().expect("a free port")
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}
