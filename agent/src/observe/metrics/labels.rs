//! The labels of the metrics. Their values come from fixed sets or from the manifest, so that no
//! series is ever added while the agent runs for long.

use std::fmt::{Error, Write};
use std::sync::Arc;

use nix::sys::signal::Signal;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// An enum that is a label's value, with the text of each.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name {
            $($(#[$doc])* $variant),+
        }

        impl $name {
            #[allow(dead_code, reason = "some of them have their series from the start")]
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
                encoder.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

label! {
    /// Why the agent sends a signal.
    SignalReason {
        /// A change of the files calls for it.
        Change = "change",
        /// Somebody sent it to the agent.
        PassedOn = "passed_on",
        /// The agent was told to end.
        Stop = "stop",
        /// The process is to be started anew.
        Restart = "restart",
    }
}

label! {
    /// Why a process is started.
    StartReason {
        First = "first",
        Change = "change",
        Rollback = "rollback",
        /// It ended by itself.
        Exit = "exit",
        /// Somebody asked the agent for it.
        Signal = "signal",
    }
}

label! {
    /// Why a revision is not applied.
    Refusal {
        /// A key, a variable or a default file has a mistake.
        Mistake = "mistake",
        /// A check command says no.
        Check = "check",
        /// A replica has found that the daemon does not run on it.
        Bad = "bad",
        /// It lacks too much to be believed.
        Held = "held",
        /// It has no key of the service.
        Empty = "empty",
        /// A default file cannot be read.
        Unreadable = "unreadable",
        /// A file cannot be put in its place.
        Unwritable = "unwritable",
    }
}

label! {
    /// How a bootstrap step ended.
    StepOutcome {
        Done = "done",
        Failed = "failed",
        /// The lock was lost on the way.
        LockLost = "lock_lost",
    }
}

/// A signal by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SignalNumber(pub(super) i32);

/// The first real-time signal that is a program's to use, as glibc counts them.
const REAL_TIME: i32 = 34;

impl EncodeLabelValue for SignalNumber {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        match Signal::try_from(self.0) {
            Ok(signal) => encoder.write_str(signal.as_str().trim_start_matches("SIG")),
            Err(_) => write!(encoder, "RTMIN+{}", self.0 - REAL_TIME),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfProcess {
    pub(super) process: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfSignal {
    pub(super) process: Arc<str>,
    pub(super) signal: SignalNumber,
    pub(super) reason: SignalReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfStart {
    pub(super) process: Arc<str>,
    pub(super) reason: StartReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfRefusal {
    pub(super) reason: Refusal,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfStep {
    pub(super) step: Arc<str>,
    pub(super) outcome: StepOutcome,
}
