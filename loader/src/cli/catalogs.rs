//! What keys are checked against, for all commands that look at options.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::validate::settings::Sources;

/// Which catalogs.
#[derive(Args)]
pub(crate) struct CatalogsArgs {
    /// The directory of the catalogs, with a folder for each release [default: catalog in that of
    /// the data]
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,

    /// The release of the services, such as 2026.1; that of validate.toml, else the newest there is
    #[arg(long, env = "ETCSTACK_RELEASE")]
    release: Option<String>,
}

impl CatalogsArgs {
    /// These catalogs, or those beside the data.
    pub(crate) fn beside<'a>(&'a self, dir: &'a Path) -> Sources<'a> {
        Sources {
            dir,
            release: self.release.as_deref(),
            catalog: self.catalog.as_deref(),
            environment: &[],
        }
    }
}

/// Which catalogs, where the data itself is not read.
#[derive(Args)]
pub(crate) struct DataArgs {
    /// The directory of bootstrap-data, for its catalogs and validate.toml; nothing else is read
    #[arg(long, value_name = "DIR", default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    data: PathBuf,

    #[command(flatten)]
    catalogs: CatalogsArgs,
}

impl DataArgs {
    /// What the keys are to be checked against.
    pub(crate) fn sources(&self) -> Sources<'_> {
        self.catalogs.beside(&self.data)
    }
}
