//! The cost of a mass expiry for other calls: times `Introspect` at a modest rate before, while and
//! after a million grants are deleted at once, on a real server.
//!
//!     cargo build --release --bin jeton --example mass_expiry
//!     target/release/examples/mass_expiry --grants 1000000
//!
//! The sweeper deletes grants an hour after they are spent, so the run begins with that hour.
//!
//! Two servers take turns of a few seconds: one over an empty store, and one that deletes grants
//! all the time. The other server is stopped (SIGSTOP) meanwhile, so that other load on the machine
//! affects both alike. Calls start at fixed times, independent of the answers to earlier calls, and
//! each is timed from its fixed time.

mod fill;
mod load;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use jeton::metrics::Stopwatch;
use tokio::time::sleep;

use crate::{load::Load, server::Server};

/// Length of a turn, and the part at its beginning that does not count: a server that was stopped
/// catches up on its timers.
const TURN: Duration = Duration::from_secs(3);
const SETTLING: Duration = Duration::from_millis(500);

#[derive(Parser)]
struct Options {
    /// Number of grants that expire at once.
    #[arg(long, default_value_t = 1_000_000)]
    grants: u64,
    /// Number of introspections a second.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// A new directory for the data, on the disk to be measured.
    #[arg(long, default_value = "target/mass_expiry")]
    dir: PathBuf,
    /// Use a directory that an earlier run has filled with as many grants.
    #[arg(long)]
    filled: bool,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let (empty, full) = (options.dir.join("empty"), options.dir.join("full"));
    if !options.filled {
        let seconds = fill::fill(&full, options.grants).await;
        println!("{} spent grants in the store after {seconds:.1} s", options.grants);
    }
    let servers = [Server::start(&empty).await, Server::start(&full).await];
    let loads = [
        Load::start(&servers[0], options.rate).await,
        Load::start(&servers[1], options.rate).await,
    ];
    while servers[1].swept().await == 0 {
        sleep(SETTLING).await;
    }
    let stopwatch = Stopwatch::start();
    let mut times = [Vec::new(), Vec::new()];
    servers[1].pause();
    let mut freed = 0;
    while freed < options.grants {
        for (turn, (server, load)) in servers.iter().zip(&loads).enumerate() {
            server.go_on();
            load.set(true);
            sleep(SETTLING).await;
            load.take().await;
            sleep(TURN).await;
            times[turn].push(load.take().await);
            load.set(false);
            if turn == 1 {
                freed = server.swept().await;
            }
            server.pause();
        }
    }
    println!("all of them freed within {:.0} s of turns", stopwatch.seconds());
    let [quiet, busy] = times;
    let (quiet, busy) = (load::summary("quiet", quiet), load::summary("mass expiry", busy));
    println!("p50 ratio {:.2}, p99 ratio {:.2}", busy.0 / quiet.0, busy.1 / quiet.1);
}
