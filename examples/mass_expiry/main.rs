//! What a mass expiry costs everybody else: times `Introspect` at a modest rate before, while and
//! after a million grants are freed at once, on a real server.
//!
//!     cargo build --release --bin jeton --example mass_expiry
//!     target/release/examples/mass_expiry --grants 1000000
//!
//! The store is filled before the server starts, with grants that all become due at one moment. The
//! calls of the quiet time before and after stand against those of the time in between. The calls
//! come at their times whether or not earlier ones were answered, and each is timed from then.

mod fill;
mod load;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{load::Load, server::Server};

/// How often the server's metrics are looked at.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Parser)]
struct Options {
    /// Grants that expire at once.
    #[arg(long, default_value_t = 1_000_000)]
    grants: u64,
    /// Introspections a second.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Seconds of quiet before, and again after.
    #[arg(long, default_value_t = 30)]
    quiet: u64,
    /// Times that all of it is done.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// An empty or new directory for the data: on the disk that is meant.
    #[arg(long, default_value = "target/mass_expiry")]
    dir: PathBuf,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let quiet_time = Duration::from_secs(options.quiet);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let dir = options.dir.join(round.to_string());
        // The sweeper keeps spent grants for an hour: those made here have been spent for as long.
        let (due, filled) = fill::fill(&dir, options.grants, quiet_time).await;
        println!("round {round}: {} grants in the store after {filled:.1} s", options.grants);
        let server = Server::start(&dir).await;
        let load = Load::start(&server, options.rate).await;

        until(due).await;
        quiet.extend(load.take().await);
        let swept = server.until_swept(options.grants, LOOK).await;
        let during = load.take().await;
        println!("round {round}: freed after {swept:.1} s, {} calls meanwhile", during.len());
        busy.extend(during);
        tokio::time::sleep(quiet_time).await;
        quiet.extend(load.take().await);
        server.stop();
    }
    let (quiet, busy) = (load::summary("quiet", quiet), load::summary("mass expiry", busy));
    println!("p50 ratio {:.2}, p99 ratio {:.2}", busy.0 / quiet.0, busy.1 / quiet.1);
}

/// Waits until a moment of the wall clock.
async fn until(due: jeton::domain::time::Timestamp) {
    use jeton::{app::SystemClock, domain::time::Clock as _};
    tokio::time::sleep(due.since(SystemClock.now())).await;
}
