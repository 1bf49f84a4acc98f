//! What the commands have in common that talk to a store.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use etcstack_store::args::StoreArgs;

use super::Output;
use crate::validate::settings::Sources;

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

/// What is known of the services' options.
#[derive(Args)]
pub(crate) struct SourceArgs {
    /// The directory of bootstrap-data, for its catalogs and validate.toml, where they are there
    #[arg(long, value_name = "DIR", default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    data: PathBuf,

    /// The directory of the catalogs, with a folder for each release [default: DIR/catalog]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,

    /// The release of the services, such as 2026.1; that of validate.toml, else the newest there is
    #[arg(long, env = "ETCSTACK_RELEASE")]
    release: Option<String>,
}

impl SourceArgs {
    /// Where to look for it.
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            dir: &self.data,
            release: self.release.as_deref(),
            catalog: self.catalog.as_deref(),
            environment: &[],
        }
    }
}
