//! Checks chosen client secrets so that wrong guesses keep nobody else from being checked.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    hash_pool::{HashPool, Seat, soon},
    turns::{Key, Presence, Turns},
};
use crate::domain::{error::Error, secret::Secret, typed_secret::Reading};

/// How many callers may be at the check of one client's secrets: one is checked, the others wait,
/// often for nothing more than to see that theirs was the right one too.
const MOST_AT_ONE_CLIENT: usize = 1_024;

/// One check at a time for each client, whether or not it exists, and for all clients together half
/// of the pool: logins get the other half.
pub(super) struct ClientChecks {
    hashes: Arc<HashPool>,
    turns: Arc<Turns>,
    share: Arc<Semaphore>,
}

/// A client's turn, with a thread for its first hash.
pub(super) struct ClientCheck<'a> {
    hashes: &'a HashPool,
    /// Lasts until the last hash is done, even when the caller has gone.
    turn: Arc<(Presence, OwnedSemaphorePermit)>,
    seat: Option<Seat>,
}

impl ClientChecks {
    pub(super) fn new(hashes: Arc<HashPool>) -> Self {
        let share = Arc::new(Semaphore::new((hashes.threads() / 2).max(1)));
        Self { hashes, turns: Arc::default(), share }
    }

    /// Waits for the turn of who calls itself `client_id`. `None` when `known` says so then: another
    /// caller's check has told meanwhile what this one would.
    ///
    /// # Errors
    /// `Overloaded` when too many wait for this client's turn, or none comes soon.
    pub(super) async fn turn(
        &self,
        client_id: &str,
        known: impl Fn() -> bool,
    ) -> Result<Option<ClientCheck<'_>>, Error> {
        let mut turn = self.turns.join(key(client_id), MOST_AT_ONE_CLIENT)?;
        soon(async {
            turn.look();
            while !turn.begin(1).await {
                turn.look();
            }
            if known() {
                return Ok(None);
            }
            let share = Arc::clone(&self.share).acquire_owned().await;
            let turn = Arc::new((turn, share.map_err(|_| Error::UNAVAILABLE)?));
            let seat = Some(self.hashes.seat().await?);
            Ok(Some(ClientCheck { hashes: &self.hashes, turn, seat }))
        })
        .await
    }
}

impl ClientCheck<'_> {
    /// As [`HashPool::verify_on`].
    ///
    /// # Errors
    /// As there.
    pub(super) async fn verify(
        &mut self,
        secret: &Secret,
        phc: Option<&str>,
    ) -> Result<Option<Reading>, Error> {
        let seat = match self.seat.take() {
            Some(seat) => seat,
            None => soon(self.hashes.seat()).await?,
        };
        let seat = seat.holding(Arc::clone(&self.turn));
        self.hashes.verify_on(seat, secret, phc).await
    }
}

/// Callers name clients as they like: what is kept of a name is of one size.
fn key(client_id: &str) -> Key {
    let digest: [u8; 32] = Sha256::digest(client_id.as_bytes()).into();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}
