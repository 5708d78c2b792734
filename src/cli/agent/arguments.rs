//! Arguments of an agent, and its settings by them.

use std::path::PathBuf;

use clap::Args;

use super::super::connection;
use crate::config::{AgentFile, AgentOverrides, Environment, Faults, Settings};

/// Answers services and proxies on this machine from memory whether tokens are good
#[derive(Args, Debug)]
pub(in super::super) struct Agent {
    /// The settings file, of which `[agent]` and `[log]` are read
    #[arg(long, env = "JETON_AGENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) profile: connection::ProfileName,

    #[command(flatten)]
    overrides: AgentOverrides,
}

impl Agent {
    pub(super) fn settings(&self, environment: &dyn Environment) -> Result<AgentFile, Faults> {
        Settings::agent(self.config.as_deref(), &self.overrides, environment)
    }
}
