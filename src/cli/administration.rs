//! Common parts of the commands of administrators.

use clap::{Args, Subcommand};

use super::{connection::Caller, output::Format};

/// A command that is given to a running server.
#[derive(Args, Debug)]
pub(super) struct Administration<A: Subcommand> {
    #[command(flatten)]
    pub(super) caller: Caller,

    /// Format of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table", global = true)]
    pub(super) output: Format,

    #[command(subcommand)]
    pub(super) action: A,
}
