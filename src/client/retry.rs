//! Retries of failed calls: idempotent calls only, spread in time, within a budget.

use std::{fmt, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use tokio::time::{Instant, timeout};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::Error;

/// Time for which the budget counts a call.
const BUDGET_MEMORY: Duration = Duration::from_secs(10);
/// Number of retries a second that are always allowed.
const BUDGET_FLOOR: u32 = 5;
/// Number of further retries for each call.
const BUDGET_SHARE: f32 = 0.2;

/// Time limits of calls and numbers of their retries.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum time of a call with all its attempts. 15 s by default.
    pub deadline: Duration,
    /// Maximum number of retries of a call. 0 disables retries. 4 by default.
    pub retries: usize,
    /// Maximum of the first pause. Each further maximum is up to twice as long. The pause is drawn
    /// evenly between zero and its maximum. A wait that the server requests replaces the pause; if
    /// it ends after the deadline, the call fails at once. 50 ms by default.
    pub first_pause: Duration,
    /// Maximum of any pause. 2 s by default.
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

/// Marks a call as repeatable or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The call is idempotent.
    Safely,
    /// A repeated call would take effect twice.
    Never,
}

/// Sends calls within [`Limits`]. Clones share one budget: if most calls fail, retries stop, so
/// that an overloaded server gets no additional calls.
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

    /// Calls `send` once for each attempt and returns the final result.
    pub(super) async fn run<T, F>(
        &self,
        repeat: Repeat,
        send: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.budget.deposit();
        // `None` if the deadline is beyond the range of time.
        let end = Instant::now().checked_add(self.limits.deadline);
        // A pause beyond the deadline is useless: the call fails at once.
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

/// Returns the maximum of each pause, in order.
pub(super) fn pauses(limits: &Limits) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(limits.first_pause)
        .with_max_delay(limits.longest_pause)
        .without_max_times()
}

/// Returns a random time up to `pause`, evenly distributed, so that callers that failed together do
/// not return together.
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
