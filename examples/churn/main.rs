//! Years of use in minutes: runs the service over the sled engine with a clock that is moved by
//! hand, and measures its disk and memory usage over time.
//!
//! `year` refreshes the same grants every hour. `flow` issues grants as fast as others expire.
//! `open` measures the time to open a store. Each prints one line of CSV a sample.

mod clock;
mod entropy;
mod flow;
mod sample;
mod world;
mod year;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser};

#[derive(Parser)]
#[command(about = "Puts years of use through the sled engine and measures what they leave behind")]
enum Command {
    /// Refreshes the same grants every hour.
    Year(year::Year),
    /// Issues grants as fast as older ones expire and are swept.
    Flow(flow::Flow),
    /// Opens the store of an earlier run and prints the time that this took.
    Open(Place),
}

/// Location of the store.
#[derive(Args)]
struct Place {
    /// The data directory.
    #[arg(long)]
    dir: PathBuf,
    /// Memory for records, in MiB; sled's own pages take a quarter of it in addition.
    #[arg(long, default_value_t = 256)]
    cache_mib: u64,
    /// Garbage allowed in the store's file before it is cleaned, in MiB: 64 in the server. A huge
    /// value shows sled without cleaning.
    #[arg(long, default_value_t = 128)]
    spare_mib: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Command::parse() {
        Command::Year(year) => year.run().await,
        Command::Flow(flow) => flow.run().await,
        Command::Open(place) => sample::reopen(&place).await,
    }
    ExitCode::SUCCESS
}
