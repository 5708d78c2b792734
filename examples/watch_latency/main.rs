//! The delay of a revocation: from the OK of `RevokeToken` on one connection to the refusal by a
//! validator in another process, with many watches, on a real server.
//!
//!     cargo build --release --bin jeton --example watch_latency
//!     target/release/examples/watch_latency --watchers 1,100,1000
//!
//! Revocations come at fixed times, one after the other on one connection. The validator is one of
//! the watchers. The others are plain streams of this process, whose times are printed too: with
//! many of them the time of the last one includes reading all others first.

mod clock;
mod judge;
mod run;
mod server;

use std::path::PathBuf;

use clap::Parser;
use hdrhistogram::Histogram;

use crate::run::{Run, Times};

#[derive(Parser)]
struct Options {
    /// Numbers of watchers, including the validator: one run for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    watchers: Vec<usize>,
    /// Number of watchers that share a connection.
    #[arg(long, default_value_t = 1)]
    share: usize,
    /// Number of tokens to revoke in each run.
    #[arg(long, default_value_t = 10_000)]
    revocations: usize,
    /// Number of revocations a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// A new directory for the data, on the disk to be measured.
    #[arg(long, default_value = "target/watch_latency")]
    dir: PathBuf,
    /// Run as the validator's process, for the server at this URL.
    #[arg(long, hide = true)]
    judge: Option<String>,
}

fn main() {
    let options = Options::parse();
    if let Some(url) = options.judge {
        judge::judge(url);
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut rows = Vec::new();
    for (number, watchers) in options.watchers.into_iter().enumerate() {
        let run = Run {
            watchers,
            share: options.share,
            revocations: options.revocations,
            rate: options.rate,
            dir: options.dir.join(number.to_string()),
        };
        rows.push(runtime.block_on(run.times()));
    }
    println!(
        "{} revocations a run, {} a second; times from RevokeToken's OK, in ms",
        options.revocations, options.rate
    );
    println!(
        "| watchers | refused by the validator: p50 | p99 | max | heard by any watcher: p50 | p99 \
         | by the last: p99 | server, KiB a watcher |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in &rows {
        print(row);
    }
}

fn print(row: &Times) {
    let at = |times: &Histogram<u64>, percent| {
        if times.is_empty() {
            return "–".to_owned();
        }
        let micros = u32::try_from(times.value_at_percentile(percent)).unwrap_or(u32::MAX);
        format!("{:.2}", f64::from(micros) / 1e3)
    };
    let Times { watchers, refused, heard, last, kib } = row;
    println!(
        "| {watchers} | {} | {} | {} | {} | {} | {} | {kib} |",
        at(refused, 50.0),
        at(refused, 99.0),
        at(refused, 100.0),
        at(heard, 50.0),
        at(heard, 99.0),
        at(last, 99.0),
    );
}
