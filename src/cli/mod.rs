//! The `jeton` command line.

mod bench;
mod check;
mod connection;
mod dev;
mod health;
mod input;
mod output;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;
use tokio::runtime::Runtime;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{app::ServeError, config::Faults, telemetry::LogError};

/// A token service: issues, refreshes, revokes and introspects OAuth 2.0 tokens.
#[derive(Debug, Parser)]
#[command(name = "jeton", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service
    Serve(Box<serve::Serve>),
    /// Asks a running server for tokens, or about them
    Token(token::Token),
    /// Asks a running server whether it is serving; exits 0 or 1
    Health(health::Health),
    /// Puts a running server under load and tells how it did
    Bench(Box<bench::Bench>),
    /// Checks a settings file without starting
    Check(check::Check),
}

/// What went wrong, in words for a person.
#[derive(Debug, Error)]
enum CliError {
    /// The settings are at fault: one line each.
    #[error("{0}")]
    Settings(#[from] Faults),
    /// The service did not start, or did not end well.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Something on this machine.
    #[error("{0}: {1}")]
    Io(&'static str, std::io::Error),
    /// Nothing answers.
    #[error("cannot reach {server}: {error}")]
    Connect {
        /// Where it should be.
        server: String,
        /// Why not.
        error: tonic::transport::Error,
    },
    /// The server refused.
    #[error("{}: {}", reason(.0), .0.message())]
    Refused(#[from] Status),
    /// What is missing from the command line.
    #[error("{0}")]
    Usage(&'static str),
    /// The server is there and not serving.
    #[error("not serving")]
    NotServing,
    /// There is no log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The reason that the server gives, or the code where another gave it.
fn reason(status: &Status) -> String {
    let info = status.get_error_details().error_info().map(|info| info.reason.clone());
    info.unwrap_or_else(|| format!("{:?}", status.code()))
}

/// Runs the command that the process's arguments name. Prints its result on standard output, what
/// went wrong on standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jeton: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::Io("the runtime", error))?;
    runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run().await,
            Command::Token(token) => token.run().await,
            Command::Health(health) => health.run().await,
            Command::Bench(bench) => bench.run().await,
            Command::Check(check) => check.run(),
        }
    })
}
