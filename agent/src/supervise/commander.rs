//! Runs the commands of probes and dependencies.

use std::time::Duration;

use super::commands::run;
use super::{Account, Children, Launch};
use crate::life::Inputs;
use crate::mask::Mask;
use crate::probe::RunCommand;

/// Runs commands with the daemon's own rights and variables.
#[derive(Clone)]
pub(crate) struct Commander {
    children: Children,
    account: Account,
    environment: Vec<(String, String)>,
    /// What nobody may read in their output.
    mask: Mask,
}

impl Commander {
    pub(crate) fn new(children: Children, account: Account, inputs: &Inputs) -> Self {
        let (environment, mask) = (inputs.exported.clone(), inputs.mask.clone());
        Self { children, account, environment, mask }
    }
}

impl RunCommand for Commander {
    async fn run(&self, command: &[String], limit: Duration) -> Result<(), String> {
        let launch = Launch {
            command: command.iter().map(Into::into).collect(),
            account: self.account.clone(),
            environment: self.environment.clone(),
            piped: true,
        };
        let name = launch.program();
        let on_line = |line: &str| tracing::debug!(command = name, "{line}");
        match run(&self.children, &launch, Some(limit), &self.mask, on_line).await {
            Ok(ran) => ran.check(),
            Err(error) => Err(error.to_string()),
        }
    }
}
