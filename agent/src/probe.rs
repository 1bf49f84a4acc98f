//! Asks once whether something is there, and says why not.

mod address;
mod http;
mod ready;
pub(crate) mod recipe;
mod tls;
mod url;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::timeout;

use address::Address;
pub(crate) use ready::Ready;
use url::Url;

/// What a silent server's probe says. Without the limit in it, it stays the same text while a
/// deadline comes nearer.
const SILENT: &str = "no answer in time";

/// Runs the commands of probes: where processes are waited for is one place only.
pub(crate) trait RunCommand {
    /// Runs a command until it ends or the limit is over, when it is killed; dropping this kills it
    /// as well. The error says how it ended and repeats none of its arguments.
    async fn run(&self, command: &[String], limit: Duration) -> Result<(), String>;
}

/// A question that can be asked, with its variables filled in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Something accepts connections.
    Tcp(Address),
    /// A server answers a GET with one of these codes.
    Http { url: Url, status: Status, ca: Option<PathBuf> },
    /// A command ends with 0. Its name is as the manifest has it, since arguments may be secret.
    Command { name: String, command: Vec<String> },
}

/// The codes that are as good as an answer: these, or 200 to 399.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status(Option<Vec<u16>>);

impl Probe {
    /// One attempt. The error says what was asked and why it was in vain.
    pub(crate) async fn check(
        &self,
        commands: &impl RunCommand,
        limit: Duration,
    ) -> Result<(), String> {
        let outcome = match self {
            Self::Tcp(address) => within(limit, address.connect(limit)).await.map(drop),
            Self::Http { url, status, ca } => {
                let answer = within(limit, http::get(url, ca.as_deref(), limit)).await;
                answer.and_then(|code| status.judge(code))
            }
            // Whoever runs it keeps the limit: a command that is cut off has to be killed.
            Self::Command { command, .. } => commands.run(command, limit).await,
        };
        outcome.map_err(|reason| format!("{self}: {reason}"))
    }
}

async fn within<T>(
    limit: Duration,
    attempt: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    timeout(limit, attempt).await.unwrap_or_else(|_| Err(SILENT.into()))
}

impl Status {
    fn judge(&self, code: u16) -> Result<(), String> {
        match &self.0 {
            None if (200..=399).contains(&code) => Ok(()),
            None => Err(format!("status {code}")),
            Some(good) if good.contains(&code) => Ok(()),
            Some(good) => {
                let good: Vec<_> = good.iter().map(ToString::to_string).collect();
                Err(format!("status {code}, and not {}", good.join(" or ")))
            }
        }
    }
}

/// What is asked, without anything that may be secret.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Http { url, .. } => write!(f, "{url}"),
            Self::Command { name, .. } => write!(f, "command {name}"),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({self})")
    }
}

/// The system's message in few words: "connection refused", not "Connection refused (os error 111)".
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_lowercase(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
