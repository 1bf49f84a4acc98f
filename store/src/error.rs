//! What can go wrong with a store.

use std::path::PathBuf;
use std::time::Duration;

use etcstack_config::problem::Problems;
use thiserror::Error;

/// Why a store cannot be read or written. Holds no values.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// Nobody answers, or not as a working etcd does. Trying again may help.
    #[error("etcd at {endpoint} does not answer: {reason}")]
    Unavailable {
        /// The endpoint that was tried.
        endpoint: String,
        /// What the connection or etcd said.
        reason: String,
    },
    /// The time that was given is over.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// etcd knows the user and says no, or does not know it.
    #[error("etcd at {endpoint} refuses: {reason}; {}", remedy(.reason))]
    Denied {
        /// The endpoint that was tried.
        endpoint: String,
        /// What etcd said.
        reason: String,
    },
    /// etcd refuses the request itself.
    #[error("etcd at {endpoint} refuses the request: {reason}")]
    Rejected {
        /// The endpoint that was tried.
        endpoint: String,
        /// What etcd said.
        reason: String,
    },
    /// The lease that a key was to be held under has ended. With a new lease it can be tried again.
    #[error("the lease has ended")]
    LeaseGone,
    /// A turn is over before it was given back.
    #[error("the turn {turn} was lost before it was given back: {}", extent(*.unknown))]
    TurnLost {
        /// The key of its slot.
        turn: String,
        /// Whether a request whose answer was lost may have happened.
        unknown: bool,
    },
    /// The URL of the store means nothing. Its text is not repeated: a password may be in it.
    #[error("--store or ETCSTACK_STORE: {0}")]
    Location(String),
    /// A variable of `etcdctl` means nothing. Its text is not repeated: it may be a password.
    #[error("{name}: {reason}; or say it with our own option, which goes first")]
    Etcdctl {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate, key or password file cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// The directory cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Directory {
        /// The file or folder.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// What stands in the directory is not in order.
    #[error("{0}")]
    Data(Problems),
    /// The store does not know that revision: it was compacted, or is from before a restore.
    #[error("the store does not know that revision any more")]
    Forgotten,
    /// A directory is written with an editor.
    #[error(
        "the store is the directory {}, which has no history and is changed by editing its files; \
         for all else name an etcd, as in --store etcd://HOST:2379", .0.display()
    )]
    ReadOnly(PathBuf),
}

impl StoreError {
    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        !self.is_unavailable() && !matches!(self, Self::LeaseGone | Self::Forgotten)
    }

    /// Whether nobody has answered.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Timeout(_))
    }

    /// The exit code for it, by sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unavailable { .. } | Self::Timeout(_) => 69, // EX_UNAVAILABLE
            Self::LeaseGone | Self::TurnLost { .. } | Self::Forgotten => 75, // EX_TEMPFAIL
            Self::Denied { .. } => 77,                         // EX_NOPERM
            Self::Rejected { .. } => 76,                       // EX_PROTOCOL
            Self::Credentials { .. } | Self::Directory { .. } => 66, // EX_NOINPUT
            Self::Data(_) => 65,                               // EX_DATAERR
            Self::ReadOnly(_) | Self::Location(_) | Self::Etcdctl { .. } => 64, // EX_USAGE
        }
    }
}

/// What to do where etcd lets nobody in.
fn remedy(reason: &str) -> &'static str {
    if reason.contains("authentication is not enabled") {
        "its access control is off, and then it takes nobody's user: leave out --user and \
         --password-file with their variables, or turn it on (etcstack-loader access --enable-auth)"
    } else {
        "check --user and its roles"
    }
}

fn extent(unknown: bool) -> &'static str {
    if unknown {
        "what was to be written along with that may have been written or not"
    } else {
        "nothing was written along with that"
    }
}
