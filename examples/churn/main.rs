//! Years of use in minutes: the service over the sled engine with a clock that is moved by hand,
//! and what it takes on the disk and in memory as time goes by.
//!
//! `year` refreshes the same grants every hour. `flow` issues grants as fast as others expire.
//! `open` says how long a store takes to open. Each prints one line of CSV a sample.

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
    /// Opens what one of the others has left, and says how long that took.
    Open(Place),
}

/// Where the store is.
#[derive(Args)]
struct Place {
    /// The data directory.
    #[arg(long)]
    dir: PathBuf,
    /// Memory for records, in MiB; sled's own pages take a quarter of it on top.
    #[arg(long, default_value_t = 256)]
    cache_mib: u64,
    /// MiB of garbage that are no reason to clean the store's file: 64 in the server. A huge one
    /// shows what sled does by itself.
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
