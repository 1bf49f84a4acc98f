//! The URL of a probe.

use std::fmt;

use hyper::Uri;

use super::address::{Address, port_number};

/// `http://HOST[:PORT][/PATH]` or `https://…`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(super) tls: bool,
    pub(super) address: Address,
    /// The host and the port as they were written: the `Host` header.
    pub(super) authority: String,
    path: String,
    /// The path with the query, which may hold a secret.
    pub(super) target: String,
}

impl Url {
    /// Reads a URL. The error does not repeat the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("this is no URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("a URL starts with http:// or https://".into()),
        };
        let (authority, host) =
            uri.authority().map_or(("", ""), |authority| (authority.as_str(), authority.host()));
        if authority.contains('@') {
            return Err("a user or password in a URL is not sent; use a command for that".into());
        }
        let port = match authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port_number(port)?,
            None if tls => 443,
            None => 80,
        };
        let target = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Self {
            tls,
            address: Address::new(host, port)?,
            authority: authority.to_owned(),
            path: uri.path().to_owned(),
            target,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, address, target, shown) in [
            ("http://a", "a:80", "/", "http://a/"),
            ("https://a/v3", "a:443", "/v3", "https://a/v3"),
            ("HTTP://a:1/x/", "a:1", "/x/", "http://a:1/x/"),
            ("http://[::1]:8776/h", "[::1]:8776", "/h", "http://[::1]:8776/h"),
            ("http://[::1]", "[::1]:80", "/", "http://[::1]/"),
            ("http://a/x?token=secret", "a:80", "/x?token=secret", "http://a/x"),
            ("http://a?token=secret", "a:80", "/?token=secret", "http://a/"),
            ("http://a/x#secret", "a:80", "/x", "http://a/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.address.to_string(), address, "{text}");
            assert_eq!((url.target.as_str(), url.to_string().as_str()), (target, shown));
        }
    }

    #[test]
    fn what_is_no_url() {
        for (text, message) in [
            ("", "no URL"),
            ("secret", "starts with http:// or https://"),
            ("/secret", "starts with http:// or https://"),
            ("ftp://secret", "starts with http:// or https://"),
            ("http://", "no URL"),
            ("http://u:secret@a", "a user or password"),
            ("http://secret:x", "the port is no number"),
            ("http://secret:", "the port is no number"),
            ("http://secret:99999", "the port is no number"),
            ("http://a/sec ret", "no URL"),
            ("http://a\n", "no URL"),
            ("http://$my_secret/", "upper case"),
            ("http://[::1", "no URL"),
        ] {
            let Err(error) = Url::parse(text) else { panic!("{text}") };
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
