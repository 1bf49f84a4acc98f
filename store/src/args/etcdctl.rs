//! The variables of `etcdctl`, for what our own options do not say.
//!
//! A certificate goes with its key, and a user with the password: neither is put together from ours
//! and theirs.

use std::path::PathBuf;

use super::OwnStoreArgs;
use crate::{Credentials, Location, StoreError};

const ENDPOINTS: &str = "ETCDCTL_ENDPOINTS";
const CACERT: &str = "ETCDCTL_CACERT";
const CERT: &str = "ETCDCTL_CERT";
const KEY: &str = "ETCDCTL_KEY";
const USER: &str = "ETCDCTL_USER";
const PASSWORD: &str = "ETCDCTL_PASSWORD";

/// What the variables hold. An empty one counts as none.
#[derive(Default)]
pub(super) struct Given {
    endpoints: Option<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    user: Option<String>,
    password: Option<String>,
}

impl Given {
    pub(super) fn new(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name| look_up(name).filter(|text| !text.is_empty());
        let path = |name| get(name).map(PathBuf::from);
        Self {
            endpoints: get(ENDPOINTS),
            ca: path(CACERT),
            cert: path(CERT),
            key: path(KEY),
            user: get(USER),
            password: get(PASSWORD),
        }
    }

    fn identity(&self) -> Result<Option<(PathBuf, PathBuf)>, StoreError> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Ok(Some((cert.clone(), key.clone()))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(mistake(CERT, "a certificate needs its key, in ETCDCTL_KEY")),
            (None, Some(_)) => Err(mistake(KEY, "a key needs its certificate, in ETCDCTL_CERT")),
        }
    }

    /// As for `etcdctl`: with a password of its own, a colon is part of the name.
    fn user(&self) -> Result<Option<(String, String)>, StoreError> {
        let Some(user) = &self.user else { return Ok(None) };
        let pair = match &self.password {
            Some(password) => Some((user.clone(), password.clone())),
            None => user.split_once(':').map(|(name, word)| (name.to_owned(), word.to_owned())),
        };
        match pair {
            Some(pair) => Ok(Some(pair)),
            None => {
                Err(mistake(USER, "it needs a password, as USER:PASSWORD or in ETCDCTL_PASSWORD"))
            }
        }
    }
}

fn mistake(name: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::Etcdctl { name, reason: reason.into() }
}

/// The endpoints are without TLS where our options ask for it.
pub(super) fn without_tls(reason: String) -> StoreError {
    mistake(ENDPOINTS, reason)
}

/// What our options say, and else the variables.
pub(super) fn complete(
    own: &OwnStoreArgs,
    given: &Given,
) -> Result<(Location, Credentials), StoreError> {
    let mut credentials = own.credentials()?;
    let mut theirs = false;
    let location = match (&own.store, &given.endpoints) {
        (None, Some(endpoints)) => {
            theirs = true;
            // A member that has certificates to check or to ask for speaks TLS.
            let tls = [&own.cacert, &own.cert, &given.ca, &given.cert];
            let tls = tls.iter().any(|path| path.is_some());
            Location::of_etcdctl(endpoints, tls).map_err(|why| mistake(ENDPOINTS, why))?
        }
        _ => own.location()?,
    };
    own.check(&location, theirs)?;
    if let Location::Dir(_) = location {
        return Ok((location, credentials));
    }
    credentials.ca = credentials.ca.or_else(|| given.ca.clone());
    if credentials.identity.is_none() {
        credentials.identity = given.identity()?;
    }
    if credentials.user.is_none() {
        credentials.user = given.user()?;
    }
    Ok((location, credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Given {
        let find = |name: &str| pairs.iter().find(|pair| pair.0 == name);
        Given::new(|name| find(name).map(|pair| pair.1.to_owned()))
    }

    fn etcd(endpoint: &str) -> Location {
        Location::Etcd { endpoints: vec![endpoint.into()], prefix: String::new() }
    }

    #[test]
    fn what_is_not_said() {
        let all = given(&[
            (ENDPOINTS, "b:1"),
            (CACERT, "ca"),
            (CERT, "cert"),
            (KEY, "key"),
            (USER, "me:se:cret"),
            (PASSWORD, ""),
        ]);
        let (location, credentials) = complete(&OwnStoreArgs::default(), &all).unwrap();
        assert_eq!(location, etcd("https://b:1"));
        assert_eq!(credentials.ca, Some("ca".into()));
        assert_eq!(credentials.identity, Some(("cert".into(), "key".into())));
        assert_eq!(credentials.user, Some(("me".into(), "se:cret".into())));

        let own = OwnStoreArgs {
            store: Some("etcds://a".into()),
            cacert: Some("own".into()),
            cert: Some("own-cert".into()),
            key: Some("own-key".into()),
            ..OwnStoreArgs::default()
        };
        let (location, credentials) = complete(&own, &all).unwrap();
        assert_eq!(location, etcd("https://a:2379"));
        assert_eq!(credentials.ca, Some("own".into()));
        assert_eq!(credentials.identity, Some(("own-cert".into(), "own-key".into())));

        let (location, credentials) =
            complete(&OwnStoreArgs::default(), &given(&[(PASSWORD, "x")])).unwrap();
        assert_eq!(location, etcd("http://127.0.0.1:2379"));
        assert_eq!(credentials.user, None);
        let colon = given(&[(USER, "a:b"), (PASSWORD, "c")]);
        let (_, credentials) = complete(&OwnStoreArgs::default(), &colon).unwrap();
        assert_eq!(credentials.user, Some(("a:b".into(), "c".into())));
    }

    #[test]
    fn what_is_for_tls_alone() {
        let cacert = || Some("own".into());
        let named = OwnStoreArgs { store: Some("etcd://a".into()), ..OwnStoreArgs::default() };
        for (own, given, says) in [
            (named, given(&[]), "--store or ETCSTACK_STORE: etcd:// is without TLS"),
            (OwnStoreArgs::default(), given(&[]), "no store is named, and etcd://127.0.0.1:2379"),
            (
                OwnStoreArgs::default(),
                given(&[(ENDPOINTS, "http://a")]),
                "ETCDCTL_ENDPOINTS: http:// is without TLS",
            ),
        ] {
            let error = complete(&OwnStoreArgs { cacert: cacert(), ..own.clone() }, &given);
            let error = error.err().unwrap();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.exit_code(), 64);
            let identity = OwnStoreArgs { cert: cacert(), key: cacert(), ..own };
            assert!(complete(&identity, &given).is_err());
        }
        let own = OwnStoreArgs { cacert: cacert(), ..OwnStoreArgs::default() };
        for store in ["etcds://a", "dir:/a"] {
            let own = OwnStoreArgs { store: Some(store.into()), ..own.clone() };
            assert!(complete(&own, &given(&[])).is_ok(), "{store}");
        }
        assert!(complete(&own, &given(&[(ENDPOINTS, "a")])).is_ok());
        // Theirs are for all that this machine talks to.
        let plain = OwnStoreArgs { store: Some("etcd://a".into()), ..OwnStoreArgs::default() };
        assert!(complete(&plain, &given(&[(CACERT, "ca")])).is_ok());
    }

    #[test]
    fn halves_are_refused() {
        for pairs in [
            [(USER, "secret"), (KEY, "")],
            [(CERT, "secret"), (KEY, "")],
            [(KEY, "secret"), (CERT, "")],
        ] {
            let error = complete(&OwnStoreArgs::default(), &given(&pairs)).err().unwrap();
            let message = error.to_string();
            assert!(message.starts_with("ETCDCTL_") && !message.contains("secret"), "{message}");
            assert_eq!(error.exit_code(), 64);
        }
    }
}
