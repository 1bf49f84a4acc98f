//! The command line options that say which store is meant.

mod etcdctl;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, Args, Command, Parser};

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

/// Why some options are refused, and what to do with them.
const FOR_TLS: &str = "--cacert, --cert and --key are for TLS alone";
const LEAVE: &str = "leave them and their variables out";

/// Where the store is if nothing says so.
const DEFAULT: &str = "etcd://127.0.0.1:2379";

/// Reads the command line and the environment. A variable that is set and empty counts as not set, as
/// those of `etcdctl` do: in the manifest of a container that is how one is left out.
pub fn parse<T: Parser>() -> Result<T, clap::Error> {
    let mut command = without_empty(T::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn without_empty(command: Command) -> Command {
    let is_empty = |arg: &Arg| {
        arg.get_env().is_some_and(|name| std::env::var_os(name).is_some_and(|v| v.is_empty()))
    };
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(None) } else { arg });
    command.mut_subcommands(without_empty)
}

/// Which store, and how to get in: for programs that people run. What is not said is taken from the
/// variables of `etcdctl`.
#[derive(Args, Clone)]
pub struct StoreArgs {
    #[command(flatten)]
    own: OwnStoreArgs,
}

impl StoreArgs {
    /// Opens the store that these options, or the variables of `etcdctl`, name.
    pub fn open(&self) -> Result<Store, StoreError> {
        let given = etcdctl::Given::new(|name| std::env::var(name).ok());
        let (location, credentials) = etcdctl::complete(&self.own, &given)?;
        Store::open(location, credentials)
    }
}

/// The same for services, which take nothing that was not said to them.
// No Debug: the URL may hold a password, which is refused only when it is opened.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Store")]
pub struct OwnStoreArgs {
    /// Where the configuration lives; `etcd://127.0.0.1:2379` if nothing says so
    ///
    /// One of `etcd://HOST:2379[,HOST…][/PREFIX]`, `etcds://…` for TLS, `dir:PATH` for a directory.
    #[arg(long, env = "ETCSTACK_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<String>,

    /// The authorities that may have signed etcd's certificate (PEM), for etcds://
    #[arg(long, env = "ETCSTACK_CACERT", hide_env_values = true, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Our certificate (PEM), where etcd asks for one
    #[arg(
        long,
        env = "ETCSTACK_CERT",
        hide_env_values = true,
        value_name = "FILE",
        requires = "key"
    )]
    pub cert: Option<PathBuf>,

    /// The key of our certificate (PEM)
    #[arg(
        long,
        env = "ETCSTACK_KEY",
        hide_env_values = true,
        value_name = "FILE",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,

    /// etcd's user
    #[arg(
        long,
        env = "ETCSTACK_USER",
        hide_env_values = true,
        value_name = "NAME",
        requires = "password_file"
    )]
    pub user: Option<String>,

    /// A file that holds the user's password
    #[arg(
        long,
        env = "ETCSTACK_PASSWORD_FILE",
        hide_env_values = true,
        value_name = "FILE",
        requires = "user"
    )]
    pub password_file: Option<PathBuf>,
}

impl OwnStoreArgs {
    /// Opens the store that these options name.
    pub fn open(&self) -> Result<Store, StoreError> {
        let location = self.location()?;
        self.check(&location, false)?;
        Store::open(location, self.credentials()?)
    }

    /// What is only of use with TLS is not passed over without it: whoever names it wants TLS.
    /// `theirs` says that the location is of a variable of `etcdctl`.
    fn check(&self, location: &Location, theirs: bool) -> Result<(), StoreError> {
        let files = [&self.cacert, &self.cert, &self.key];
        if !location.is_plain_etcd() || files.iter().all(|file| file.is_none()) {
            return Ok(());
        }
        Err(match &self.store {
            Some(_) => StoreError::Location(format!(
                "etcd:// is without TLS, and {FOR_TLS}: write etcds://, or {LEAVE}"
            )),
            None if theirs => etcdctl::without_tls(format!(
                "http:// is without TLS, and {FOR_TLS}: write https:// there, or {LEAVE}"
            )),
            None => StoreError::Location(format!(
                "no store is named, and {DEFAULT}, which is taken then, is without TLS, while \
                 {FOR_TLS}: name the store, as in --store etcds://HOST:2379, or {LEAVE}"
            )),
        })
    }

    fn location(&self) -> Result<Location, StoreError> {
        self.store.as_deref().unwrap_or(DEFAULT).parse().map_err(StoreError::Location)
    }

    fn credentials(&self) -> Result<Credentials, StoreError> {
        let user = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Some((user.clone(), first_line(file)?)),
            _ => None,
        };
        let identity = self.cert.clone().zip(self.key.clone());
        Ok(Credentials { ca: self.cacert.clone(), identity, user })
    }
}

fn first_line(path: &Path) -> Result<String, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|error| StoreError::Credentials {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
