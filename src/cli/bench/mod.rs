//! `jeton bench`: puts a running server under load and reports the number of calls and the latency
//! of each kind.

mod access;
mod calls;
mod mix;
mod pace;
mod progress;
mod proving;
mod report;
mod supply;
mod worker;

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use self::{
    access::Access,
    calls::Caller,
    mix::Mix,
    pace::{Pace, Phases},
    proving::Proving,
    report::Report,
    supply::Supply,
    worker::{Tally, Worker},
};
use super::{
    CliError,
    connection::{Caller as Connection, Session},
    input, meant,
    output::Format,
};
use crate::{config, domain::secret::Secret};

/// Load on a running server.
#[derive(Args, Debug)]
pub(super) struct Bench {
    #[command(flatten)]
    connection: Connection,

    /// Format of the report
    #[arg(long, value_enum, default_value = "table")]
    output: Format,

    /// The calls, each with its weight, for example `introspect=90,refresh=8,revoke=2`. Of
    /// `introspect`, `batch-introspect`, `issue` (client credentials), `password`, `refresh` and
    /// `revoke`
    #[arg(long, value_name = "CALL[=WEIGHT],…", default_value = "introspect")]
    mix: Mix,

    /// Connections: they, not calls, are what a server serves in parallel
    #[arg(long, value_name = "N", default_value = "8")]
    connections: NonZeroU32,

    /// Calls under way at once on each connection
    #[arg(long, value_name = "N", default_value = "16")]
    streams: NonZeroU32,

    /// Different access tokens that are introspected; they are issued before the load begins
    #[arg(long, value_name = "N", default_value = "10000")]
    tokens: NonZeroU32,

    /// Takes tokens by Zipf's law with this exponent, 1 for example: some much more often than others.
    /// Left out: each as often as another
    #[arg(long, value_name = "N", value_parser = exponent)]
    zipf: Option<f64>,

    /// Takes the access tokens from this file, or leaves them there for the next run if there is no
    /// such file; every reader of the file can use them
    #[arg(long, value_name = "FILE")]
    reuse: Option<PathBuf>,

    /// Tokens in one `batch-introspect`, at most 1,000
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,

    /// Calls a second in all, sent when they are due whether or not earlier ones were answered; those
    /// that an earlier one held up are timed from when they were due. Left out: each stream sends its next call once the last is answered
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,

    /// Time for which calls are counted
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = config::duration)]
    duration: Duration,

    /// Time for which calls are made before they are counted
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = config::duration)]
    warm_up: Duration,

    /// The user for `password` and `refresh`; the password is read from the variable
    /// `JETON_PASSWORD`, asked for, or read from standard input
    #[arg(long = "user", alias = "username", value_name = "NAME", value_parser = meant::login_name)]
    username: Option<String>,
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let user = self.user()?;
        let Session { channel, client_id, proof } = self.connection.connect(false).await?;
        let proving = Proving::new(channel.clone(), &client_id, proof).await?;
        let mut callers = vec![Caller::new(channel, &client_id, proving.clone(), user.clone())];
        for _ in 1..self.connections.get() {
            let channel = self.connection.reconnect().await?;
            callers.push(Caller::new(channel, &client_id, proving.clone(), user.clone()));
        }
        let supply = Arc::new(self.supply(&callers).await?);
        let (tally, counted) = self.load(&callers, &supply).await?;
        Report::new(self.settings(counted), &tally, counted).print(self.output)
    }

    /// Returns the settings of the load, for the report.
    fn settings(&self, counted: Duration) -> Value {
        json!({
            "connections": self.connections,
            "streams": self.streams,
            "tokens": self.tokens,
            "zipf": self.zipf,
            "batch": self.batch,
            "rate": self.rate,
            "seconds": counted.as_secs_f64(),
            "loop": if self.rate.is_some() { "open" } else { "closed" },
        })
    }

    fn user(&self) -> Result<Option<(String, Secret)>, CliError> {
        match &self.username {
            Some(name) => Ok(Some((name.clone(), input::password()?))),
            None if self.mix.needs_user() => {
                Err(CliError::Usage("password and refresh need --user"))
            }
            None => Ok(None),
        }
    }

    /// As many tokens as are asked for, if any call needs them.
    async fn supply(&self, callers: &[Caller]) -> Result<Supply, CliError> {
        let count = if self.mix.introspects() { self.tokens.get() as usize } else { 0 };
        let Some(path) = &self.reuse else { return Ok(Supply::issue(callers, count).await?) };
        let failed = |error| CliError::File(path.display().to_string(), error);
        if let Some(kept) = Supply::kept(path, count).map_err(failed)? {
            let enough = kept.len() == count;
            return enough.then_some(kept).ok_or(CliError::Usage("--reuse: too few tokens"));
        }
        let supply = Supply::issue(callers, count).await?;
        supply.keep(path).map_err(failed)?;
        Ok(supply)
    }

    /// Runs every stream to the end of the time and adds up what they saw.
    async fn load(
        &self,
        callers: &[Caller],
        supply: &Arc<Supply>,
    ) -> Result<(Tally, Duration), CliError> {
        let streams = self.streams.get();
        let workers = self.connections.get() * streams;
        let mut prepared = JoinSet::new();
        for number in 0..workers {
            let caller = callers[number as usize % callers.len()].clone();
            let access = Access::new(self.tokens, number, self.zipf);
            let (supply, mix) = (Arc::clone(supply), self.mix.clone());
            let worker = Worker::new(number, caller, supply, access, mix, self.batch);
            prepared.spawn(worker.prepared());
        }
        let mut ready = Vec::new();
        while let Some(worker) = prepared.join_next().await {
            ready.push(worker.map_err(|_| CliError::Usage("a stream panicked"))??);
        }

        let phases = Phases::starting(Instant::now(), self.warm_up, self.duration);
        let bar = tokio::spawn(progress::show(phases));
        let mut running = JoinSet::new();
        for (number, worker) in (0..).zip(ready) {
            let pace = self.rate.map_or(Pace::Closed, |rate| Pace::open(rate, number, workers));
            running.spawn(worker.run(pace, phases));
        }
        let mut tally = Tally::default();
        while let Some(seen) = running.join_next().await {
            tally.add(&seen.map_err(|_| CliError::Usage("a stream panicked"))?);
        }
        bar.abort();
        Ok((tally, phases.counted()))
    }
}

/// A number that Zipf's law can have.
fn exponent(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or("a number from 0 on is wanted")
}
