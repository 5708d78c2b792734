//! Signatures: those that take long have places and cores of their own, so that many of them starve nobody.

use std::{sync::Arc, thread};

use serde::Serialize;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    fair_queue::{FairQueue, Permit},
    holder::{Account, Holder},
};
use crate::{
    domain::{
        algorithm::Algorithm, client_id::ClientId, error::Error, secret::Secret,
        signing_key_id::SigningKeyId,
    },
    jose::{SigningKey, Unsigned},
};

/// Requests under way whose signature takes long. Others wait, and clients take turns.
const MOST_SIGNING: usize = 64;
/// Requests that wait for that. More are refused.
const MOST_WAITING: usize = 512;

/// Places and cores for signatures that take long.
pub(super) struct SignaturePool {
    turns: Arc<FairQueue>,
    /// All cores but one.
    cores: Arc<Semaphore>,
}

/// A key, with the place of its caller where its signatures take long.
pub(super) struct Signer {
    key: Arc<SigningKey>,
    place: Option<Permit>,
}

impl Signer {
    /// The key's name.
    pub(super) fn key_id(&self) -> SigningKeyId {
        self.key.id()
    }

    /// A token of the media type `typ` with these claims, yet to be signed.
    pub(super) fn unsigned(&self, typ: &str, claims: &impl Serialize) -> Unsigned {
        Unsigned::new(typ, &self.key, claims)
    }
}

impl SignaturePool {
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cores = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        Self { turns: FairQueue::new(MOST_SIGNING, MOST_WAITING), cores }
    }

    /// Waits for a place where the key's signatures take long.
    ///
    /// # Errors
    /// `Overloaded` if too many wait, of all or of `client`.
    pub(super) async fn signer(
        &self,
        client: &ClientId,
        key: Arc<SigningKey>,
    ) -> Result<Signer, Error> {
        let place = if is_slow(key.algorithm()) {
            let client = Holder::client(client);
            let account = Account { party: client, member: client };
            Some(self.turns.permit(account).await?)
        } else {
            None
        };
        Ok(Signer { key, place })
    }

    /// Signs what the signer's key is named in.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be signed.
    pub(super) async fn sign(&self, signer: Signer, unsigned: Unsigned) -> Result<Secret, Error> {
        let Signer { key, place } = signer;
        let made = if is_slow(key.algorithm()) {
            let core = Arc::clone(&self.cores).acquire_owned().await;
            let core = core.map_err(|_| Error::UNAVAILABLE)?;
            // A caller that goes away frees neither before the signature is made.
            let signing = spawn_blocking(move || {
                let _held = (place, core);
                unsigned.sign(&key)
            });
            signing.await.map_err(|_| Error::UNAVAILABLE)?
        } else {
            unsigned.sign(&key)
        };
        made.map_err(|_| Error::UNAVAILABLE)
    }
}

/// Returns whether a signature takes about a millisecond, and others some hundredths of it.
const fn is_slow(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => false,
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es384 => true,
    }
}
