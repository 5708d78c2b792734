//! Keeps each client within its request limit, in this process.

use std::{sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use quick_cache::sync::Cache;

use crate::{
    domain::{
        cause::Cause, client::Client, client_id::ClientId, error::Error,
        request_limit::RequestLimit,
    },
    metrics::Counter,
};

/// Clients whose spending is remembered: a few hundred bytes each. One that is pushed out starts
/// with a full budget.
const CAPACITY: usize = 16_384;

type Limiter = RateLimiter<
    NotKeyed,
    InMemoryState,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
>;

/// What one client has left.
struct Budget {
    limit: RequestLimit,
    left: Limiter,
}

impl Budget {
    fn full(limit: RequestLimit) -> Self {
        // A period of nothing is no quota.
        let period = Duration::from_secs(1) / limit.per_second.get();
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or_else(|| Quota::per_second(limit.per_second));
        let quota = quota.allow_burst(limit.burst);
        Self { limit, left: RateLimiter::direct_with_clock(quota, MonotonicClock) }
    }
}

/// The budgets of all clients that have a limit.
pub(super) struct RequestBudgets {
    budgets: Cache<ClientId, Arc<Budget>>,
    refused: Counter,
}

impl RequestBudgets {
    /// Counts in `refused` what was refused.
    pub(super) fn new(refused: Counter) -> Self {
        Self { budgets: Cache::new(CAPACITY), refused }
    }

    /// Spends one request of the client's budget. A limit that was changed starts full.
    ///
    /// # Errors
    /// `RateLimited` when nothing is left, until there is.
    pub(super) fn spend(&self, client: &Client) -> Result<(), Error> {
        let Some(limit) = client.request_limit else { return Ok(()) };
        let known = self.budgets.get(&client.id).filter(|budget| budget.limit == limit);
        let budget = known.unwrap_or_else(|| {
            let budget = Arc::new(Budget::full(limit));
            self.budgets.insert(client.id.clone(), Arc::clone(&budget));
            budget
        });
        budget.left.check().map_err(|not_until| {
            self.refused.inc();
            let wait = not_until.wait_time_from(MonotonicClock.now());
            // A wait of nothing would be told as no wait at all.
            let retry_after = wait.max(Duration::from_millis(1));
            Error::RateLimited { cause: Cause::Requests, retry_after }
        })
    }
}
