//! One stream of calls, and what it saw.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use super::{
    access::Access,
    calls::Caller,
    mix::{Call, Mix},
    pace::{Pace, Phases},
    supply::Supply,
};
use crate::{cli::refusal::Refusal, client};

/// Longest latency that is recorded exactly, in microseconds: a minute.
const LONGEST_MICROS: u64 = 60_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// Latencies of one call's good answers, and how often which refusal came.
pub(super) struct Seen {
    pub(super) micros: Histogram<u64>,
    pub(super) refusals: BTreeMap<String, u64>,
}

impl Default for Seen {
    fn default() -> Self {
        let micros = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS);
        let micros = micros.expect("the bounds are constants that a histogram can have");
        Self { micros, refusals: BTreeMap::new() }
    }
}

/// Results of each kind of call.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<&'static str, Seen>);

impl Tally {
    fn record(&mut self, call: Call, outcome: Result<(), String>, latency: Duration) {
        let seen = self.0.entry(call.name()).or_default();
        match outcome {
            Ok(()) => {
                let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_MICROS);
                seen.micros.saturating_record(micros.max(1));
            }
            Err(reason) => *seen.refusals.entry(reason).or_default() += 1,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (call, seen) in &other.0 {
            let sum = self.0.entry(call).or_default();
            // Both have the same bounds.
            let _always_fits = sum.micros.add(&seen.micros);
            for (reason, count) in &seen.refusals {
                *sum.refusals.entry(reason.clone()).or_default() += count;
            }
        }
    }

    pub(super) fn of(&self, call: Call) -> Option<&Seen> {
        self.0.get(call.name())
    }
}

/// One stream.
pub(super) struct Worker {
    number: u32,
    caller: Caller,
    supply: Arc<Supply>,
    access: Access,
    batch: u32,
    mix: Mix,
    /// The end of the stream's own chain of refreshes, which its last login began.
    refresh_token: String,
}

impl Worker {
    pub(super) fn new(
        number: u32,
        caller: Caller,
        supply: Arc<Supply>,
        access: Access,
        mix: Mix,
        batch: u32,
    ) -> Self {
        Self { number, caller, supply, access, batch, mix, refresh_token: String::new() }
    }

    /// Gets the tokens that its calls need to begin with.
    pub(super) async fn prepared(mut self) -> Result<Self, Status> {
        while self.mix.refreshes() && self.refresh_token.is_empty() {
            match self.caller.log_in().await {
                Ok(token) if token.is_empty() => {
                    return Err(Status::failed_precondition("the client may not refresh"));
                }
                Ok(token) => self.refresh_token = token,
                // Many streams log in at once: a stream that finds the hash pool full gets a time
                // at which to retry.
                Err(status) => {
                    let error = client::Error::from(status);
                    let client::Error::Throttled { wait: Some(wait), .. } = error else {
                        return Err(error.status().clone());
                    };
                    sleep(wait).await;
                }
            }
        }
        Ok(self)
    }

    /// Calls until the end of the time.
    pub(super) async fn run(mut self, pace: Pace, phases: Phases) -> Tally {
        let mut tally = Tally::default();
        for step in 0.. {
            let due = pace.due(phases.start, step);
            if due.unwrap_or_else(Instant::now) >= phases.end {
                break;
            }
            let owed = due.filter(|due| *due < Instant::now());
            if let Some(due) = due {
                sleep_until(due).await;
            }
            let call = self.mix.at(u64::from(self.number) + u64::from(step));
            let Some((sent, outcome)) = self.call(call).await else { continue };
            let begin = owed.unwrap_or(sent);
            if begin >= phases.counted_from {
                tally.record(call, outcome, begin.elapsed());
            }
        }
        tally
    }

    /// Makes one call: when it was sent, and its outcome. `None` when what it needs could not be
    /// had.
    async fn call(&mut self, call: Call) -> Option<(Instant, Result<(), String>)> {
        let refused = |status: Status| Refusal::from(status).reason();
        let good = |active: bool| if active { Ok(()) } else { Err("inactive".to_owned()) };
        let mut sent = Instant::now();
        let outcome = match call {
            Call::Introspect => {
                let token = self.supply.token(self.access.next());
                self.caller.introspect(token).await.map_err(refused).and_then(good)
            }
            Call::BatchIntrospect => {
                let tokens = self.supply.batch(self.access.next(), self.batch);
                self.caller.introspect_all(tokens).await.map_err(refused).and_then(good)
            }
            Call::Issue => self.caller.issue().await.map(drop).map_err(refused),
            Call::Password => {
                let answer = self.caller.log_in().await;
                // Logins end the user's oldest grants once there are `max_grants`: the chain goes
                // on from the newest.
                answer.map(|token| self.refresh_token = token).map_err(refused)
            }
            Call::Refresh => {
                let answer = self.caller.refresh(self.refresh_token.clone()).await;
                // After a refusal the same token is presented again: that is what a client does.
                answer.map(|next| self.refresh_token = next).map_err(refused)
            }
            Call::Revoke => {
                let token = self.caller.issue().await.ok()?;
                sent = Instant::now();
                self.caller.revoke(token).await.map_err(refused)
            }
        };
        Some((sent, outcome))
    }
}
