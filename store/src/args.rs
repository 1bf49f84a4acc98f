//! The command line options that say which store is meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::{Credentials, Location, Store, StoreError};

/// The longest time that an option may name.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a duration such as `2s` or `500ms`, of a year at most.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write 30s, 500ms or 5m"))?;
    if duration > LONGEST {
        return Err("a year is the longest time".into());
    }
    Ok(duration)
}

/// Which store, and how to get in.
// No Debug: the URL may hold a password, which is refused only when it is opened.
#[derive(Args, Clone)]
#[command(next_help_heading = "Store")]
pub struct StoreArgs {
    /// Where the configuration lives
    ///
    /// One of `etcd://HOST:2379[,HOST…][/PREFIX]`, `etcds://…` for TLS, `dir:PATH` for a directory.
    #[arg(
        long,
        env = "ETCSTACK_STORE",
        value_name = "URL",
        default_value = "etcd://127.0.0.1:2379",
        hide_env_values = true
    )]
    store: String,

    /// The authorities that may have signed etcd's certificate (PEM), for etcds://
    #[arg(long, env = "ETCSTACK_CACERT", value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Our certificate (PEM), where etcd asks for one
    #[arg(long, env = "ETCSTACK_CERT", value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The key of our certificate (PEM)
    #[arg(long, env = "ETCSTACK_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// etcd's user
    #[arg(long, env = "ETCSTACK_USER", value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,

    /// A file that holds the user's password
    #[arg(long, env = "ETCSTACK_PASSWORD_FILE", value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store that these options name.
    pub fn open(&self) -> Result<Store, StoreError> {
        let location: Location = self.store.parse().map_err(StoreError::Location)?;
        let user = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Some((user.clone(), first_line(file)?)),
            _ => None,
        };
        let identity = self.cert.clone().zip(self.key.clone());
        let credentials = Credentials { ca: self.cacert.clone(), identity, user };
        Store::open(location, credentials)
    }
}

fn first_line(path: &Path) -> Result<String, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|error| StoreError::Credentials {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
