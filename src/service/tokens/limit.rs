//! Keeps the number of a user's live grants with one client near the client's limit.

use std::sync::Arc;

use crate::{
    domain::{
        cause::Cause,
        client::{Client, WhenFull},
        error::Error,
        grant::{EndCause, Grant},
        liveness::{self, ClientAndUser, Lineage},
        user::User,
    },
    service::{metrics::ServiceMetrics, records::Records},
    store::{GrantOwner, ReadError, Records as _, Store, Stored},
};

/// Grants of a user that are scanned, of all clients, the newest first: older ones are not counted.
const LOOKED_AT: usize = 4_096;
/// Grants that are read at a time.
const READ_TOGETHER: usize = 256;

/// The clients' limits of live grants for each user.
pub(in crate::service) struct GrantLimits<S> {
    records: Records<S>,
    metrics: Arc<ServiceMetrics>,
}

impl<S> GrantLimits<S> {
    pub(in crate::service) fn new(records: Records<S>, metrics: Arc<ServiceMetrics>) -> Self {
        Self { records, metrics }
    }
}

impl<S: Store> GrantLimits<S> {
    /// Makes room for one more grant of `user` with `client`, by ending the oldest ones, or refuses. Grants
    /// that came of others by token exchange, `exchanged` ones, have a limit of their own, so that calls of
    /// services end no login. Approximate: logins that race each other may pass the limit together, and a
    /// grant whose ancestor has ended counts until it expires.
    ///
    /// # Errors
    /// `RateLimited` when the client's limit refuses, until one of the grants ends; `Unavailable`.
    pub(in crate::service) async fn make_room(
        &self,
        client: &Client,
        user: &User,
        exchanged: bool,
    ) -> Result<(), Error> {
        let limit = client.grant_limit;
        let max = usize::try_from(limit.max).unwrap_or(usize::MAX);
        let counts = |grant: &Stored<Grant>| {
            grant.delegation.is_some() == exchanged && self.counts(grant, client, user)
        };
        let mut live = self.newest_live(user, max, counts).await?;
        if live.len() < max {
            return Ok(());
        }
        match limit.when_full {
            WhenFull::Refuse => {
                let soonest = live.iter().map(|grant| grant.spent_time()).min();
                let retry_after = soonest.unwrap_or_default().since(self.records.now());
                self.metrics.over_grants.inc();
                Err(Error::RateLimited { cause: Cause::Grants, retry_after })
            }
            WhenFull::EvictOldest => {
                live.sort_by_key(|grant| grant.issue_time);
                let surplus = live.len() + 1 - max;
                self.evict(&live[..surplus]).await
            }
        }
    }

    /// The live grants of `user` that count, the newest mostly first: all of them as long as they are few, or
    /// `max` and more.
    async fn newest_live(
        &self,
        user: &User,
        max: usize,
        counts: impl Fn(&Stored<Grant>) -> bool,
    ) -> Result<Vec<Stored<Grant>>, Error> {
        let (mut live, mut before) = (Vec::new(), None);
        for _ in 0..LOOKED_AT / READ_TOGETHER {
            let of = GrantOwner::User(user.id);
            let ids = self
                .records
                .read(self.records.store.newest_grant_ids(&of, before, READ_TOGETHER))
                .await?;
            let found = live.len();
            for grant in self.records.store.grants().get_many(&ids).await {
                match grant {
                    Ok(grant) => {
                        live.extend(grant.filter(&counts));
                    }
                    // Nobody's grant: it keeps nobody from logging in.
                    Err(ReadError::Corrupt) => {}
                    Err(error @ ReadError::Unavailable) => {
                        return Err(self.records.read_failed(error));
                    }
                }
            }
            // If the limit holds, one is in surplus; more of them can have more behind them.
            let kept = live.len() >= max && live.len() - found.max(max) <= 1;
            before = ids.last().copied();
            if ids.len() < READ_TOGETHER || kept {
                break;
            }
        }
        Ok(live)
    }

    fn counts(&self, grant: &Grant, client: &Client, user: &User) -> bool {
        let now = self.records.now();
        let parties =
            ClientAndUser { client: Some(client), user: Some(user), lineage: Lineage::Alive };
        grant.client_id == client.id
            && now < grant.spent_time()
            && liveness::check(grant, parties, now).is_ok()
    }

    async fn evict(&self, oldest: &[Stored<Grant>]) -> Result<(), Error> {
        for grant in oldest {
            // One that changed meanwhile is in use after all; the next login finds the surplus.
            let ended = grant.ended(EndCause::Evicted, self.records.now());
            let evicted = self.records.replace(grant.version(), ended).await?;
            self.metrics.evictions.inc_by(evicted.into());
            tracing::debug!(grant_id = %grant.id, evicted, "the grant limit was reached");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        domain::{
            client::GrantLimit,
            entropy::Entropy,
            grant_id::GrantId,
            time::{Clock, Timestamp},
        },
        service::tokens::minting::TokenRates,
        store::{
            Records, Write,
            conformance::{NOW, client, grant, user},
            memory::MemoryStore,
        },
    };

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            NOW
        }

        fn age(&self) -> Duration {
            Duration::ZERO
        }
    }

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(6);
        }
    }

    /// The grant of user 1 with client 1 that was issued so many milliseconds ago.
    fn issued(ago: u64) -> Grant {
        let time = NOW.as_millis() - ago;
        let id = GrantId::from_bytes(u128::from(time).to_be_bytes());
        Grant { id, issue_time: Timestamp::from_millis(time), ..grant(1) }
    }

    async fn insert(store: &MemoryStore, grant: Grant) {
        Records::<Grant>::write(store, Write::Insert(grant)).await.expect("inserted");
    }

    /// Returns the number of live grants after a login, of `live` ones that are younger or older
    /// than `ended` ended ones.
    async fn left(ended: u64, live: u64, younger: bool) -> usize {
        let store = MemoryStore::new();
        let records =
            crate::service::records::Records::new(store.clone(), Arc::new(Fixed), Arc::new(Fixed));
        let metrics = Arc::new(ServiceMetrics::new(TokenRates::new(), Arc::new(Fixed)));
        let limits = GrantLimits::new(records, metrics);
        let (first_ended, first_live) = if younger { (live, 0) } else { (0, ended) };
        for ago in first_ended..first_ended + ended {
            insert(&store, issued(ago).ended(EndCause::Revoked, NOW)).await;
        }
        for ago in first_live..first_live + live {
            insert(&store, issued(ago)).await;
        }
        let limit = GrantLimit { max: 3, when_full: WhenFull::EvictOldest };
        let client = Client { grant_limit: limit, ..client(1) };
        limits.make_room(&client, &user(1), false).await.expect("room");
        let all: Vec<Stored<Grant>> =
            Records::<Grant>::page(&store, None, 10_000).await.expect("all");
        all.iter().filter(|grant| grant.end.is_none()).count()
    }

    #[tokio::test]
    async fn thousands_of_grants_that_have_ended_hide_none_that_live() {
        assert_eq!(left(4_200, 8, true).await, 2);
        assert_eq!(left(4_000, 8, false).await, 2);
    }

    #[tokio::test]
    async fn a_limit_that_was_lowered_is_kept_at_the_next_login() {
        assert_eq!(left(0, 1_000, true).await, 2);
    }
}
