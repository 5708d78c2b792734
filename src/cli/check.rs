//! `jeton check`.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::config::{Overrides, ProcessEnvironment, Settings};

#[derive(Args, Debug)]
pub(super) struct Check {
    /// The settings file
    #[arg(long, env = "JETON_CONFIG", value_name = "FILE")]
    config: PathBuf,

    #[command(flatten)]
    overrides: Overrides,
}

impl Check {
    pub(super) fn run(self) -> Result<(), CliError> {
        let loaded = Settings::load(Some(&self.config), &self.overrides, &ProcessEnvironment)?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        let settings = loaded.settings;
        let (clients, users) = (settings.clients.len(), settings.users.len());
        println!("{}: good ({clients} clients, {users} users)", self.config.display());
        Ok(())
    }
}
