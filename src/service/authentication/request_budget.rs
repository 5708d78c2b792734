//! Keeps each client within its request limit, in this process.

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;

use crate::{
    domain::{
        cause::Cause, client::Client, client_id::ClientId, error::Error,
        request_limit::RequestLimit,
    },
    metrics::{Counter, Rate},
};

/// Clients whose spending is remembered: a few hundred bytes each. One that is pushed out starts
/// with a full budget.
const CAPACITY: usize = 16_384;

/// Rest of one client's budget.
struct Budget {
    limit: RequestLimit,
    left: Rate,
}

impl Budget {
    fn full(limit: RequestLimit) -> Self {
        Self { limit, left: Rate::new(limit.per_second, limit.burst) }
    }
}

/// The budgets of all clients that have a limit.
pub(in crate::service) struct RequestBudgets {
    budgets: Cache<ClientId, Arc<Budget>>,
    refused: Counter,
}

impl RequestBudgets {
    /// Counts in `refused` what was refused.
    pub(in crate::service) fn new(refused: Counter) -> Self {
        Self { budgets: Cache::new(CAPACITY), refused }
    }

    /// Spends one request of the client's budget. A limit that was changed starts full.
    ///
    /// # Errors
    /// `RateLimited` when nothing is left, until there is.
    pub(in crate::service) fn spend(&self, client: &Client) -> Result<(), Error> {
        let Some(limit) = client.request_limit else { return Ok(()) };
        let known = self.budgets.get(&client.id).filter(|budget| budget.limit == limit);
        let budget = known.unwrap_or_else(|| {
            let budget = Arc::new(Budget::full(limit));
            self.budgets.insert(client.id.clone(), Arc::clone(&budget));
            budget
        });
        budget.left.check().map_err(|wait| {
            self.refused.inc();
            // A wait of zero would read as no wait at all.
            let retry_after = wait.max(Duration::from_millis(1));
            Error::RateLimited { cause: Cause::Requests, retry_after }
        })
    }
}
