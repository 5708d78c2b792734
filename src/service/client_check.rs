//! Checks of chosen client secrets: at the same cost for each client, and slower after many wrong
//! ones.

use std::{iter, net::IpAddr, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::time::{Instant, sleep, timeout};

use super::{
    fair_queue::{FairQueue, Permit},
    hash_pool::{HashPermit, HashPool},
    holder::{Account, Holder},
    turns::{Presence, Turns},
};
use crate::{
    domain::{
        cause::Cause,
        client::Client,
        error::Error,
        guesses::{GuessPolicy, Guesses},
        secret::Secret,
        typed_secret::Reading,
    },
    store::queued,
};

/// Limit of requests that wait for a check. Each holds a request in memory.
const MOST_WAITING: usize = 1_024;

/// Clients and addresses whose wrong secrets are remembered: some 64 bytes each. One that is pushed
/// out starts without any; a guesser would have to name as many clients to be so.
const REMEMBERED: usize = 16_384;

/// Longest pause that a request waits for. If it is longer, the caller is asked to retry.
const LONGEST_STAY: Duration = Duration::from_secs(2);

/// One check at a time for each client and address, whether or not there is such a client, and for
/// all together half of the pool: logins get the other half.
pub(super) struct ClientChecks {
    hashes: Arc<HashPool>,
    turns: Arc<Turns>,
    share: Arc<FairQueue>,
    policy: GuessPolicy,
    /// By client and address.
    guesses: Cache<Holder, Guesses>,
    /// Origin of the times.
    began: Instant,
}

/// The turn of a client at an address, with a thread for its first hash.
pub(super) struct ClientCheck<'a> {
    checks: &'a ClientChecks,
    client: Holder,
    address: Holder,
    /// Lasts until the last hash is done, even when the caller has gone.
    turn: Arc<(Presence, Permit)>,
    seat: Option<HashPermit>,
}

/// A stored hash that is of a secret.
pub(super) struct Found<'h> {
    pub(super) phc: &'h str,
    /// Reading that matched.
    pub(super) reading: Reading,
}

/// Result of waiting for a turn.
pub(super) enum Turn<'a> {
    /// The secret may be checked.
    Check(ClientCheck<'a>),
    /// Another caller's check has shown meanwhile whether it is right.
    Known(bool),
}

impl ClientChecks {
    pub(super) fn new(hashes: Arc<HashPool>, policy: GuessPolicy) -> Self {
        let share = FairQueue::new((hashes.threads() / 2).max(1), MOST_WAITING);
        Self {
            hashes,
            turns: Arc::default(),
            share,
            policy,
            guesses: Cache::new(REMEMBERED),
            began: Instant::now(),
        }
    }

    /// Waits for the turn of who calls itself `client_id`, from `address`. `known` says whether the
    /// secret is right, where that has come to be known.
    ///
    /// # Errors
    /// `RateLimited` when too many secrets were wrong; `Overloaded` when too many wait for such a
    /// turn, or none comes soon.
    pub(super) async fn turn(
        &self,
        client_id: &str,
        address: Option<IpAddr>,
        known: impl Fn() -> Option<bool>,
    ) -> Result<Turn<'_>, Error> {
        let (client, address) = (Holder::claimed(client_id), Holder::address(address));
        let key = client.and(address);
        let mut turn = self.turns.join(address, key)?;
        let coming = async {
            turn.look();
            while !turn.begin(1).await {
                turn.look();
            }
            if let Some(right) = known() {
                return Ok(Turn::Known(right));
            }
            self.sit_out(key).await?;
            let share = self.share.permit(Account { party: address, member: client }).await?;
            let seat = self.hashes.seat(Account::stranger(address)).await?;
            let turn = Arc::new((turn, share));
            Ok(Turn::Check(ClientCheck { checks: self, client, address, turn, seat: Some(seat) }))
        };
        let patience = self.hashes.max_wait() + self.pace(key).min(LONGEST_STAY);
        timeout(patience, coming).await.unwrap_or_else(|_| Err(self.too_late(key)))
    }

    /// Sits out the pause after wrong secrets.
    ///
    /// # Errors
    /// `RateLimited` when it is too long for that.
    async fn sit_out(&self, key: Holder) -> Result<(), Error> {
        let wait = self.policy.wait(self.guesses.get(&key), self.began.elapsed());
        if wait > LONGEST_STAY {
            return Err(Error::RateLimited { cause: Cause::ClientSecrets, retry_after: wait });
        }
        sleep(wait).await;
        Ok(())
    }

    /// The pause between two checks.
    fn pace(&self, key: Holder) -> Duration {
        self.policy.pace(self.guesses.get(&key), self.began.elapsed())
    }

    /// Returns the error if no turn came in time.
    fn too_late(&self, key: Holder) -> Error {
        let pace = self.pace(key);
        if pace.is_zero() {
            return Error::OVERLOADED;
        }
        Error::RateLimited { cause: Cause::ClientSecrets, retry_after: pace }
    }
}

impl ClientCheck<'_> {
    /// Returns the one of `hashes` that matches. Without a match it computes as many hashes as a
    /// client in rotation has, always: the time reveals nothing. That counts as a wrong secret.
    ///
    /// # Errors
    /// As [`HashPool::verify_on`].
    pub(super) async fn find<'h>(
        mut self,
        secret: &Secret,
        hashes: &[&'h str],
    ) -> Result<Option<Found<'h>>, Error> {
        // A right secret is answered after one hash and a wrong one after two: a caller that goes away
        // in between has guessed, and its guess is counted and audited.
        queued::note();
        let all = hashes.iter().copied().map(Some).chain(iter::repeat(None));
        for phc in all.take(hashes.len().max(Client::MOST_LIVE_SECRETS)) {
            let reading = self.verify(secret, phc).await?;
            if let Some((phc, reading)) = phc.zip(reading) {
                return Ok(Some(Found { phc, reading }));
            }
        }
        let ClientChecks { policy, guesses, began, .. } = self.checks;
        let key = self.client.and(self.address);
        guesses.insert(key, policy.wrong(guesses.get(&key), began.elapsed()));
        Ok(None)
    }

    async fn verify(
        &mut self,
        secret: &Secret,
        phc: Option<&str>,
    ) -> Result<Option<Reading>, Error> {
        let hashes = &self.checks.hashes;
        let seat = match self.seat.take() {
            Some(seat) => seat,
            None => {
                hashes.within_queue_timeout(hashes.seat(Account::stranger(self.address))).await?
            }
        };
        let seat = seat.holding(Arc::clone(&self.turn));
        hashes.verify_on(seat, secret, phc).await
    }
}
