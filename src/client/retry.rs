//! When a call that failed is sent again: idempotent ones only, spread in time, within a budget.

use std::{fmt, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use tokio::time::{Instant, timeout};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::Error;

/// How long the budget remembers a call.
const BUDGET_MEMORY: Duration = Duration::from_secs(10);
/// Retries a second that are always allowed.
const BUDGET_FLOOR: u32 = 5;
/// Retries per call beyond those.
const BUDGET_SHARE: f32 = 0.2;

/// How long calls may take, and how often those that are idempotent are sent.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a call may take, all its attempts together. 15 s by default.
    pub deadline: Duration,
    /// How often a call is sent again at most; 0 for never. 4 by default.
    pub retries: usize,
    /// How long the first pause is at most; each further one is up to twice as long. The pause is
    /// drawn evenly from nothing to that. What the server asks for stands instead; if that is longer
    /// than is left until the deadline, the call fails at once. 50 ms by default.
    pub first_pause: Duration,
    /// How long any pause is at most. 2 s by default.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(15),
            retries: 4,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(2),
        }
    }
}

/// Whether a call may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Its effect is the same.
    Safely,
    /// It would do something twice.
    Never,
}

/// Sends calls within [`Limits`]. Clones share one budget: when most calls fail, retries stop, so
/// that a server in trouble gets no more calls for it.
#[derive(Clone)]
pub(super) struct Retry {
    limits: Limits,
    budget: Arc<TpsBudget>,
}

impl Retry {
    pub(super) fn new(limits: Limits) -> Self {
        let budget = TpsBudget::new(BUDGET_MEMORY, BUDGET_FLOOR, BUDGET_SHARE);
        Self { limits, budget: Arc::new(budget) }
    }

    /// What `send` comes to. It is called once for each attempt.
    pub(super) async fn run<T, F>(
        &self,
        repeat: Repeat,
        send: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.budget.deposit();
        // None where the deadline is beyond all time.
        let end = Instant::now().checked_add(self.limits.deadline);
        // A pause beyond the deadline ends in nothing: the caller hears of the failure at once.
        let fits = |pause: Duration| {
            end.is_none_or(|end| pause < end.saturating_duration_since(Instant::now()))
        };
        let welcome = |error: &Error| {
            let repeatable = error.is_temporary() && !error.is_final();
            repeat == Repeat::Safely && repeatable && error.wait().is_none_or(fits)
        };
        let attempts = send
            .retry(pauses(&self.limits).with_max_times(self.limits.retries))
            .when(|error| welcome(error) && self.budget.withdraw())
            .adjust(|error, pause| {
                let pause = pause.map(|pause| error.wait().unwrap_or_else(|| some_of(pause)));
                pause.filter(|pause| fits(*pause))
            });
        timeout(self.limits.deadline, attempts).await.unwrap_or_else(|_| Err(Error::deadline()))
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The longest that each pause may be, in order.
pub(super) fn pauses(limits: &Limits) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(limits.first_pause)
        .with_max_delay(limits.longest_pause)
        .without_max_times()
}

/// Anything from nothing to `pause`, evenly: callers that failed together do not come back together.
pub(super) fn some_of(pause: Duration) -> Duration {
    pause.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_beyond_all_time_is_none() {
        let retry = Retry::new(Limits { deadline: Duration::MAX, ..Limits::default() });
        let answer = retry.run(Repeat::Safely, async || Ok(7)).await;
        assert_eq!(answer.ok(), Some(7));
    }
}
