//! Checks of chosen client secrets: at the same cost for each client, and slower after many wrong
//! ones.

use std::{iter, net::IpAddr, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::time::{Instant, sleep, timeout};

use super::returns::{Returns, Waiting};
use crate::{
    domain::{
        cause::Cause,
        client::Client,
        error::Error,
        guesses::{GuessPolicy, Guesses},
        secret::Secret,
        typed_secret::Reading,
    },
    service::{
        fair_queue::{FairQueue, Permit},
        hashing::{
            hash_pool::{HashPermit, HashPool},
            verified::Proof,
        },
        holder::{Account, Holder},
        turns::{Presence, Turns},
    },
    store::queued,
};

/// Limit of requests that wait for a check. Each holds a request in memory.
const MOST_WAITING: usize = 1_024;

/// Clients and addresses whose wrong secrets are remembered: some 64 bytes each. One that is pushed
/// out starts without any; a guesser would have to name as many clients to be so.
const REMEMBERED: usize = 16_384;

/// Longest pause that a request waits for. If it is longer, the caller is asked to retry, so much before the
/// pause is over: a secret that comes back and waits then has the next turn.
const LONGEST_STAY: Duration = Duration::from_secs(2);
const EARLY: Duration = Duration::from_secs(1);

/// One check at a time for each client and address, whether or not there is such a client, and for
/// all together half of the pool: logins get the other half.
pub(in crate::service) struct ClientChecks {
    hashes: Arc<HashPool>,
    turns: Arc<Turns>,
    share: Arc<FairQueue>,
    policy: GuessPolicy,
    /// By client and address.
    guesses: Cache<Holder, Guesses>,
    /// Turns of the secrets at places where wrong ones have slowed the next ones down.
    returns: Returns,
    /// Origin of the times.
    began: Instant,
}

/// The turn of a client at an address, with a thread for its first hash.
pub(in crate::service) struct ClientCheck<'a> {
    checks: &'a ClientChecks,
    client: Holder,
    address: Holder,
    /// Lasts until the last hash is done, even when the caller has gone.
    turn: Arc<(Presence, Permit)>,
    seat: Option<HashPermit>,
}

/// A stored hash that is of a secret.
pub(in crate::service) struct Found<'h> {
    pub(in crate::service) phc: &'h str,
    /// Reading that matched.
    pub(in crate::service) reading: Reading,
}

/// A secret that a caller shows.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Presented<'a> {
    /// The client id of the request.
    pub(in crate::service) client_id: &'a str,
    /// The address of the connection.
    pub(in crate::service) address: Option<IpAddr>,
    /// Stands for the secret of this client at this address.
    pub(in crate::service) proof: Proof,
}

/// Result of waiting for a turn.
pub(in crate::service) enum Turn<'a> {
    /// The secret may be checked.
    Check(ClientCheck<'a>),
    /// Another caller's check has shown meanwhile whether it is right.
    Known(bool),
}

impl ClientChecks {
    pub(in crate::service) fn new(hashes: Arc<HashPool>, policy: GuessPolicy) -> Self {
        let share = FairQueue::new((hashes.threads() / 2).max(1), MOST_WAITING);
        Self {
            hashes,
            turns: Arc::default(),
            share,
            policy,
            guesses: Cache::new(REMEMBERED),
            returns: Returns::new(),
            began: Instant::now(),
        }
    }

    /// Waits for the turn of a secret. `known` says whether it is right, where that has come to be known.
    ///
    /// # Errors
    /// `RateLimited` when too many secrets were wrong; `Overloaded` when too many wait for such a
    /// turn, or none comes soon.
    pub(in crate::service) async fn turn(
        &self,
        Presented { client_id, address, proof }: Presented<'_>,
        known: impl Fn() -> Option<bool>,
    ) -> Result<Turn<'_>, Error> {
        let (client, address) = (Holder::claimed(client_id), Holder::address(address));
        let key = client.and(address);
        let waiting = match self.pace(key) {
            Duration::ZERO => None,
            _ => Some(self.returns.wait(key, proof).ok_or_else(|| self.too_late(key))?),
        };
        let mut turn = self.turns.join(address, key)?;
        let coming = async {
            turn.look();
            while !turn.begin(1).await {
                turn.look();
            }
            // A wrong one costs nobody anything. A right one waits as long as a guess: it may be one.
            if known() == Some(false) {
                return Ok(Turn::Known(false));
            }
            self.sit_out(key, waiting.as_ref()).await?;
            if let Some(right) = known() {
                return Ok(Turn::Known(right));
            }
            let share = self.share.permit(Account { party: address, member: client }).await?;
            let seat = self.hashes.seat(Account::stranger(address)).await?;
            let turn = Arc::new((turn, share));
            Ok(Turn::Check(ClientCheck { checks: self, client, address, turn, seat: Some(seat) }))
        };
        let patience = self.hashes.max_wait() + self.pace(key).min(LONGEST_STAY);
        timeout(patience, coming).await.unwrap_or_else(|_| Err(self.too_late(key)))
    }

    /// Returns whether secrets for the name `client_id`, from `address`, are checked slowly now.
    pub(in crate::service) fn slows(&self, client_id: &str, address: Option<IpAddr>) -> bool {
        let key = Holder::claimed(client_id).and(Holder::address(address));
        !self.pace(key).is_zero()
    }

    /// Sits out the pause after wrong secrets, which ends for the one that has come back most often.
    ///
    /// # Errors
    /// `RateLimited` when it is too long for that, and for the others.
    async fn sit_out(&self, key: Holder, waiting: Option<&Waiting<'_>>) -> Result<(), Error> {
        let wait = self.policy.wait(self.guesses.get(&key), self.began.elapsed());
        if wait > LONGEST_STAY {
            return Err(self.too_late(key));
        }
        sleep(wait).await;
        if waiting.is_some_and(|waiting| !waiting.is_first()) {
            return Err(self.too_late(key));
        }
        Ok(())
    }

    /// The pause between two checks.
    fn pace(&self, key: Holder) -> Duration {
        self.policy.pace(self.guesses.get(&key), self.began.elapsed())
    }

    /// Returns the error if no turn came in time. It says when to come for the next.
    fn too_late(&self, key: Holder) -> Error {
        let (guesses, now) = (self.guesses.get(&key), self.began.elapsed());
        let (pace, wait) = (self.policy.pace(guesses, now), self.policy.wait(guesses, now));
        if pace.is_zero() {
            return Error::OVERLOADED;
        }
        let next = if wait > LONGEST_STAY { wait } else { wait + pace };
        let retry_after = next.saturating_sub(EARLY).max(pace.min(EARLY));
        Error::RateLimited { cause: Cause::ClientSecrets, retry_after }
    }
}

impl ClientCheck<'_> {
    /// Returns the one of `hashes` that matches. Without a match it computes as many hashes as a
    /// client in rotation has, always: the time reveals nothing. That counts as a wrong secret.
    ///
    /// # Errors
    /// As [`HashPool::verify_on`].
    pub(in crate::service) async fn find<'h>(
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

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::domain::{entropy::Entropy, hash_cost::HashCost};

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    /// Returns the number of tries until a right secret that was never shown is checked, at an
    /// address where others show new ones without a pause.
    async fn tries(policy: GuessPolicy) -> u32 {
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let pool = HashPool::start(1, cost, Arc::new(Zeros)).expect("a pool");
        let checks = Arc::new(ClientChecks::new(Arc::new(pool), policy));
        let key = Holder::claimed("shop").and(Holder::address(None));
        let guessed = move |checks: &ClientChecks| {
            let guesses = checks.policy.wrong(checks.guesses.get(&key), checks.began.elapsed());
            checks.guesses.insert(key, guesses);
        };
        guessed(&checks);
        let shown = |proof| Presented { client_id: "shop", address: None, proof };
        let mut guessers = JoinSet::new();
        for guesser in 0..100_u64 {
            let checks = Arc::clone(&checks);
            guessers.spawn(async move {
                for number in 0..u64::MAX {
                    let mut proof = [0; 32];
                    proof[..8].copy_from_slice(&guesser.to_be_bytes());
                    proof[8..16].copy_from_slice(&number.to_be_bytes());
                    match checks.turn(shown(proof), || None).await {
                        Ok(_) => guessed(&checks),
                        Err(_) => sleep(Duration::from_millis(100)).await,
                    }
                }
            });
        }
        // They are all there.
        sleep(3 * policy.pause).await;
        for number in 1.. {
            match checks.turn(shown([1; 32]), || None).await {
                Ok(_) => return number,
                Err(Error::RateLimited { retry_after, .. }) => sleep(retry_after).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        unreachable!("it goes on")
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_comes_back_is_looked_at_before_those_that_guessers_show_once() {
        for pause in [1, 10] {
            let tries = tries(GuessPolicy { free: 1, pause: Duration::from_secs(pause) }).await;
            assert!(tries <= 4, "{tries} tries at a pause of {pause} s");
        }
    }
}
