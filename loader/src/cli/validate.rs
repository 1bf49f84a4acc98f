//! `validate`: its arguments and its help.

use std::path::PathBuf;

use clap::Args;

use super::{CatalogsArgs, Output};
use crate::validate::settings::Sources;

pub(crate) const HELP: &str = "\
Needs no store, no network and no service. Every mistake is told at once, with its file, line and
column, a name for its kind, and what to do:

  data/controller/glance/glance-api.conf:3:9: error[wrong-type]: debug: the value is not a boolean;
  write true or false

With the catalogs of a release, the options of the services are checked as oslo.config reads them:
names, sections, types, bounds, choices, former names, and what was removed since an earlier
release whose catalogs are there as well. They stand in
DIR/catalog/RELEASE/SERVICE.json; `make catalog` makes them. nova-compute is checked against nova,
if there is no nova-compute.

DIR/validate.toml says what the data itself does not, all of it optional:

  release = \"2026.1\"                    # of the catalogs; else the newest there is
  environment = [\"STATE_DIR\", \"POD_*\"]  # variables that the agents have in their environment
  generated = [\"GLANCE_PASSWORD\"]       # variables that are made in the store
  used = [\"MYSQL_HOST\"]                 # variables that manifests or exports use
  [services]
  my-block-storage = \"cinder\"           # checked against another service's catalog
  [dialects]                            # of files whose names do not tell; load needs them too
  \"*/memcached/memcached.conf\" = \"text\"

docs/validate.md lists the kinds of mistakes. No value is ever printed.

Exit codes: 0 no errors, 64 wrong usage, 65 errors, or warnings with --deny-warnings, 66 no
directory, no data, no such catalogs, or a catalog or validate.toml that cannot be read, 74 the
result cannot be printed.

Examples:
  etcstack-loader validate bootstrap-data
  etcstack-loader validate --release 2026.1 --deny-warnings /data
  etcstack-loader validate --output json | jq '.findings[] | select(.severity == \"error\")'";

#[derive(Args)]
pub(crate) struct ValidateArgs {
    /// The directory of bootstrap-data
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) catalogs: CatalogsArgs,

    /// Variables that the agents have in their environment, besides those of validate.toml; NAME*
    /// for all that start so
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = crate::validate::settings::name
    )]
    pub(crate) environment: Vec<String>,

    /// Treat warnings as errors
    #[arg(long)]
    pub(crate) deny_warnings: bool,

    /// How to print what was found: text, or one JSON object
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl ValidateArgs {
    /// What the data is to be checked against.
    pub(crate) fn against(&self) -> Sources<'_> {
        Sources { environment: &self.environment, ..self.catalogs.beside(&self.dir) }
    }
}
