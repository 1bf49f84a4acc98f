//! What the commands have in common that talk to a store.

use std::time::Duration;

use clap::Args;
use etcstack_store::args::StoreArgs;
use etcstack_store::{Store, StoreError};

use super::Output;

/// Which store, how long to try, how to print.
#[derive(Args)]
pub(crate) struct Common {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// How long to try when the store does not answer, or has to wait for a load
    #[arg(
        long,
        env = "ETCSTACK_START_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        value_parser = etcstack_store::args::duration
    )]
    pub(crate) start_timeout: Duration,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl Common {
    /// Opens the store, which has to be in etcd: a directory has no history, and is not written here.
    pub(crate) fn open_etcd(&self) -> Result<Store, StoreError> {
        let store = self.store.open()?;
        match store.directory() {
            Some(path) => Err(StoreError::ReadOnly(path.to_owned())),
            None => Ok(store),
        }
    }
}
