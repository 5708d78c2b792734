//! Keeps the number of a user's live grants with one client near the client's limit.

use super::Service;
use crate::{
    domain::{
        client::{Client, WhenFull},
        error::Error,
        grant::{EndCause, Grant},
        liveness::{self, Parties},
        user::User,
    },
    store::{GrantOwner, Records as _, Store, Stored},
};

/// Grants of a user that are looked at, with whatever client: beyond it the oldest are not counted.
const LOOKED_AT: usize = 4_096;
/// Grants that are read at a time.
const READ_TOGETHER: usize = 256;

impl<S: Store> Service<S> {
    /// Makes room for one more grant of `user` with `client`, by ending the oldest ones, or refuses.
    /// Approximate: logins that race each other may pass the limit together.
    ///
    /// # Errors
    /// `RateLimited` when the client's limit refuses, until one of the grants ends; `Unavailable`.
    pub(super) async fn make_room(&self, client: &Client, user: &User) -> Result<(), Error> {
        let limit = client.grant_limit;
        let max = usize::try_from(limit.max).unwrap_or(usize::MAX);
        let ids = self.store.grant_ids(&GrantOwner::User(user.id), None, LOOKED_AT).await;
        let ids = ids.map_err(|error| self.read_failed(error))?;
        if ids.len() < max {
            return Ok(());
        }
        let mut live = Vec::new();
        for together in ids.chunks(READ_TOGETHER) {
            for grant in self.store.grants().get_many(together).await {
                let grant = grant.map_err(|error| self.read_failed(error))?;
                live.extend(grant.filter(|grant| self.counts(grant, client, user)));
            }
        }
        if live.len() < max {
            return Ok(());
        }
        match limit.when_full {
            WhenFull::Refuse => {
                let soonest = live.iter().map(|grant| grant.spent_time()).min();
                let retry_after = soonest.unwrap_or_default().since(self.now());
                self.metrics.over_grants.inc();
                Err(Error::RateLimited { retry_after })
            }
            WhenFull::EvictOldest => {
                live.sort_by_key(|grant| grant.issue_time);
                let surplus = live.len() + 1 - max;
                self.evict(&live[..surplus]).await
            }
        }
    }

    fn counts(&self, grant: &Grant, client: &Client, user: &User) -> bool {
        let now = self.now();
        let parties = Parties { client: Some(client), user: Some(user) };
        grant.client_id == client.id
            && now < grant.spent_time()
            && liveness::check(grant, parties, now).is_ok()
    }

    async fn evict(&self, oldest: &[Stored<Grant>]) -> Result<(), Error> {
        for grant in oldest {
            // One that changed meanwhile is in use after all; the next login finds the surplus.
            let ended = grant.ended(EndCause::Evicted, self.now());
            let evicted = self.replace(grant.version(), ended).await?;
            self.metrics.evictions.inc_by(evicted.into());
            tracing::debug!(grant_id = %grant.id, evicted, "the grant limit was reached");
        }
        Ok(())
    }
}
