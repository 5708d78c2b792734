//! Checks chosen client secrets so that wrong guesses keep nobody else from being checked.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{
    hash_pool::{HashPool, soon},
    turns::{Key, Turns},
};
use crate::domain::{error::Error, secret::Secret};

/// How many callers may be at the check of one client's secrets: one is checked, the others wait.
/// Callers that come with one and the same secret share a check before they get here.
const MOST_AT_ONE_CLIENT: usize = 16;

/// One check at a time for each client, whether or not it exists, and for all clients together half
/// of the pool: logins get the other half.
pub(super) struct ClientChecks {
    hashes: Arc<HashPool>,
    turns: Arc<Turns>,
    share: Arc<Semaphore>,
}

impl ClientChecks {
    pub(super) fn new(hashes: Arc<HashPool>) -> Self {
        let share = Arc::new(Semaphore::new((hashes.threads() / 2).max(1)));
        Self { hashes, turns: Arc::default(), share }
    }

    /// As [`HashPool::verify`], for who calls itself `client_id`. The client's turn lasts until the
    /// hash is done, even when the caller has gone.
    ///
    /// # Errors
    /// `Overloaded` when too many wait for this client's turn, or none comes soon.
    pub(super) async fn verify(
        &self,
        client_id: &str,
        secret: Secret,
        phc: Option<&str>,
    ) -> Result<bool, Error> {
        let mut turn = self.turns.join(key(client_id), MOST_AT_ONE_CLIENT)?;
        let (share, seat) = soon(async {
            turn.look();
            while !turn.begin(1).await {
                turn.look();
            }
            let share = Arc::clone(&self.share).acquire_owned().await;
            Ok((share.map_err(|_| Error::UNAVAILABLE)?, self.hashes.seat().await?))
        })
        .await?;
        let seat = seat.holding((turn, share));
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
