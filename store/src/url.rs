//! Where a store is: `etcd://host:2379,host2/prefix`, `etcds://…`, `dir:PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A store's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An etcd cluster.
    Etcd {
        /// `http://host:port` or `https://host:port` of each member.
        endpoints: Vec<String>,
        /// What stands before every key: empty, or a text that ends in a slash.
        prefix: String,
    },
    /// A directory with the layout of bootstrap-data.
    Dir(PathBuf),
}

/// How to prove who we are, and who the other is.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The authorities that may have signed etcd's certificate, in PEM. Needed for `etcds://`.
    pub ca: Option<PathBuf>,
    /// Our certificate and key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// etcd's user and its password.
    pub user: Option<(String, String)>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("Credentials")
            .field("ca", &self.ca)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("dir:") {
            return if path.is_empty() {
                Err("dir: needs a path, as in dir:/etc/etcstack/data".into())
            } else {
                Ok(Self::Dir(path.into()))
            };
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", ""));
        let scheme = match scheme {
            "etcd" | "http" => "http",
            "etcds" | "https" => "https",
            _ => {
                return Err("write etcd://HOST:2379[,HOST…][/PREFIX], etcds://… for TLS, \
                            or dir:PATH"
                    .into());
            }
        };
        // Before anything else, and anywhere: a slash in a password would end the hosts.
        if rest.contains('@') {
            return Err("a password in the URL is seen by everyone on the host; \
                        use --user and --password-file"
                .into());
        }
        let (hosts, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // A host is named by its number: its text may be anything, a password as well.
        let endpoint = |(index, host)| {
            endpoint(scheme, host).map_err(|why| format!("the host no. {} {why}", index + 1))
        };
        let endpoints = hosts.split(',').enumerate().map(endpoint).collect::<Result<_, _>>()?;
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self::Etcd { endpoints, prefix })
    }
}

impl Location {
    /// Whether a member of the cluster is asked without TLS.
    pub(crate) fn is_plain_etcd(&self) -> bool {
        match self {
            Self::Etcd { endpoints, .. } => endpoints.iter().any(|e| !e.starts_with("https:")),
            Self::Dir(_) => false,
        }
    }

    /// Reads endpoints as `etcdctl` has them: `http://HOST:PORT` or `https://HOST:PORT` with commas
    /// between, or hosts alone, which are asked with TLS if `tls` says so.
    pub(crate) fn of_etcdctl(text: &str, tls: bool) -> Result<Self, String> {
        // A slash in a password would end the host.
        if text.contains('@') {
            return Err("a password in it is seen by everyone on the host; use ETCDCTL_USER".into());
        }
        let read = |text: &str| match text.split_once("://") {
            Some((scheme @ ("http" | "https"), host)) => {
                endpoint(scheme, host.trim_end_matches('/'))
            }
            None => endpoint(if tls { "https" } else { "http" }, text),
            Some(_) => Err("has a scheme that is neither http nor https".to_owned()),
        };
        let endpoint = |(index, text): (usize, &str)| {
            read(text.trim()).map_err(|why| format!("the endpoint no. {} {why}", index + 1))
        };
        let endpoints = text.split(',').enumerate().map(endpoint).collect::<Result<_, _>>()?;
        Ok(Self::Etcd { endpoints, prefix: String::new() })
    }
}

fn endpoint(scheme: &str, host: &str) -> Result<String, String> {
    let (name, port) = match host.rsplit_once(':') {
        // The colons of a bare IPv6 address separate no port.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    if name.is_empty() || name.contains(['/', '?', '#', ' ']) {
        return Err("is none; write HOST or HOST:PORT, with commas between".into());
    }
    match port.map(str::parse::<u16>) {
        None => Ok(format!("{scheme}://{host}:2379")),
        Some(Ok(port)) if port > 0 => Ok(format!("{scheme}://{name}:{port}")),
        Some(_) => Err("has no port from 1 to 65535 after its colon".into()),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Etcd { endpoints, prefix } => {
                write!(f, "{}", endpoints.join(","))?;
                if prefix.is_empty() { Ok(()) } else { write!(f, " below {prefix}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        for (text, endpoints, prefix) in [
            ("etcd://a", &["http://a:2379"][..], ""),
            ("etcd://a:1,b:2/", &["http://a:1", "http://b:2"], ""),
            ("etcds://a/cloud/one", &["https://a:2379"], "cloud/one/"),
            ("etcd://[::1]:9/p", &["http://[::1]:9"], "p/"),
            ("etcd://[::1]", &["http://[::1]:2379"], ""),
            ("etcd://a//slash/", &["http://a:2379"], "/slash/"),
            ("http://a:2379", &["http://a:2379"], ""),
        ] {
            let endpoints = endpoints.iter().map(|e| (*e).to_owned()).collect();
            let expected = Location::Etcd { endpoints, prefix: prefix.into() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!("dir:/x y".parse(), Ok(Location::Dir("/x y".into())));
    }

    #[test]
    fn locations_of_etcdctl() {
        for (text, tls, endpoints) in [
            ("a", false, &["http://a:2379"][..]),
            ("a:1,b:2", true, &["https://a:1", "https://b:2"]),
            ("http://a:1/, https://b", true, &["http://a:1", "https://b:2379"]),
        ] {
            let endpoints = endpoints.iter().map(|e| (*e).to_owned()).collect();
            let expected = Location::Etcd { endpoints, prefix: String::new() };
            assert_eq!(Location::of_etcdctl(text, tls), Ok(expected), "{text}");
        }
        for text in ["unix://a", "http://u:secret@a", "a,,b", "http://a/secret"] {
            let error = Location::of_etcdctl(text, false).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_no_location() {
        for text in [
            "",
            "a:2379",
            "etcd://",
            "etcd://a,,b",
            "etcd://a:x",
            "etcd://a:0",
            "dir:",
            "etcd://a:",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        for text in [
            "etcd://u:secret@a",
            "etcd://u:12/secret@a",
            "etcd://a, u:secret",
            "etcd://u:secret",
            "etcd://a:2379?password=secret",
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
