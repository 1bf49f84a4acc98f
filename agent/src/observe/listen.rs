//! Where the agent listens: a TCP port or a Unix socket.

use std::fmt;
use std::fs::Permissions;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::net::{TcpListener, UnixListener, UnixStream};

/// For the user and the group of the agent.
const SOCKET_MODE: u32 = 0o660;
/// A socket gets its mode under this name, before anybody knows it under its own.
const TEMPORARY: &str = ".new";
/// What fits into a socket's address (unix(7)), without the closing zero.
const LONGEST_PATH: usize = 107;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Path::new(path);
            if !path.is_absolute() || path.file_name().is_none() {
                return Err("write the socket's whole path, as in unix:/run/etcstack.sock".into());
            }
            if path.as_os_str().len() + TEMPORARY.len() > LONGEST_PATH {
                let longest = LONGEST_PATH - TEMPORARY.len();
                return Err(format!("the path of a socket has at most {longest} bytes"));
            }
            return Ok(Self::Unix(path.to_owned()));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "write an address and a port, as in 127.0.0.1:9180 or, for all addresses, \
             [::]:9180; or a socket, as in unix:/run/etcstack.sock"
                .into()
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What listens.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens from now on. The message says what to do when that cannot be.
    pub(crate) async fn bind(listen: &Listen) -> std::result::Result<Self, String> {
        let bound = match listen {
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Listen::Unix(path) => bind_socket(path).await,
        };
        bound.map_err(|error| {
            let what_to_do = match error.kind() {
                ErrorKind::AddrInUse => "; end what listens there, or name another with --listen",
                ErrorKind::AddrNotAvailable => "; this machine does not have that address",
                ErrorKind::NotFound => "; make its folder first",
                _ => "",
            };
            format!("cannot listen on {listen}: {error}{what_to_do}")
        })
    }

    /// Where it listens; with port 0 the system chose another.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, file) => Ok(Listen::Unix(file.path.clone())),
        }
        .map_or_else(|_| String::new(), |listen| listen.to_string())
    }
}

/// The name of a socket in the file system. Dropping this removes it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// By which it is known again: another agent may have replaced it.
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

async fn bind_socket(path: &Path) -> Result<Listener> {
    check_free(path).await?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    // Left by an agent that was killed in here.
    if is_socket(&temporary)? {
        std::fs::remove_file(&temporary)?;
    }
    let listener = UnixListener::bind(&temporary)?;
    let mut file = SocketFile { identity: identity(&temporary), path: temporary };
    std::fs::set_permissions(&file.path, Permissions::from_mode(SOCKET_MODE))?;
    // Takes the place of a stale one, so that there is no moment without any.
    std::fs::rename(&file.path, path)?;
    path.clone_into(&mut file.path);
    Ok(Listener::Unix(listener, file))
}

/// Refuses a name where somebody listens, or that is not a socket's. A socket that a killed agent
/// has left is fine.
async fn check_free(path: &Path) -> Result<()> {
    if !is_socket(path)? {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        // It has gone in the meantime.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A queue that is full is somebody's as well.
        _ => Err(Error::new(ErrorKind::AddrInUse, "somebody listens there already")),
    }
}

/// Whether there is a socket; it is an error if there is something else.
fn is_socket(path: &Path) -> Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => Ok(true),
        Ok(_) => Err(Error::other("something that is not a socket stands there; remove it")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &Path) -> Listen {
        Listen::Unix(path.to_owned())
    }

    #[test]
    fn addresses() {
        for text in ["127.0.0.1:9180", "[::]:9180", "0.0.0.0:0", "unix:/run/etcstack.sock"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for (text, message) in [
            ("", "write an address and a port"),
            ("9180", "write an address and a port"),
            ("localhost:9180", "write an address and a port"),
            ("127.0.0.1", "write an address and a port"),
            ("127.0.0.1:99999", "write an address and a port"),
            ("unix:", "whole path"),
            ("unix:x.sock", "whole path"),
            ("unix:/", "whole path"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
        let long = format!("unix:/{}", "x".repeat(103));
        assert!(long.parse::<Listen>().unwrap_err().contains("at most 103 bytes"));
        assert!(long[..long.len() - 1].parse::<Listen>().is_ok());
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = Listener::bind(&unix(&path)).await.unwrap();
        assert_eq!(listener.address(), format!("unix:{}", path.display()));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o660);
        UnixStream::connect(&path).await.unwrap();
        drop(listener);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        // Dropping a listener of the standard library leaves its file, as killing its process does.
        for name in ["a.sock", "a.sock.new"] {
            drop(std::os::unix::net::UnixListener::bind(folder.path().join(name)).unwrap());
        }
        let listener = Listener::bind(&unix(&path)).await.unwrap();
        let error = Listener::bind(&unix(&path)).await.unwrap_err();
        assert!(error.contains("somebody listens there already"), "{error}");
        assert!(error.contains("--listen"), "{error}");
        UnixStream::connect(&path).await.unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_of_another_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = Listener::bind(&unix(&path)).await.unwrap();
        std::fs::rename(&path, folder.path().join("b.sock")).unwrap();
        let other = Listener::bind(&unix(&path)).await.unwrap();
        drop(listener);
        UnixStream::connect(&path).await.unwrap();
        drop(other);
    }

    #[tokio::test]
    async fn what_cannot_be_bound_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let error = Listener::bind(&unix(&folder.path().join("no/a.sock"))).await.unwrap_err();
        assert!(error.contains("make its folder first"), "{error}");
        let error = Listener::bind(&unix(folder.path())).await.unwrap_err();
        assert!(error.contains("not a socket"), "{error}");
        let taken = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = Listener::bind(&taken.address().parse().unwrap()).await.unwrap_err();
        assert!(error.contains("name another with --listen"), "{error}");
    }
}
