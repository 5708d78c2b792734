//! Keeps the register of signing keys true of this process: what it publishes, and the leases to publish and
//! to sign.

use std::sync::Arc;

use super::{Signing, registered::Registered};
use crate::{
    domain::{
        error::Error,
        signing_key_id::SigningKeyId,
        signing_register::{SigningChange, SigningStanding},
        signing_times::JwtLife,
    },
    jose::{self, SigningKey, SigningRing},
    service::records::Records,
    store::{ReadError, Store, WriteError},
};

/// Result of a change of the signing keys in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeys {
    /// True if they are others than before.
    pub changed: bool,
    /// Keys that are in use although the new ring lacks them.
    pub kept: Vec<SigningKeyId>,
}

/// The leases to publish signing keys, and to sign.
pub struct SigningLeases<S> {
    records: Records<S>,
    signing: Arc<Signing>,
    /// The longest life of a signed token.
    longest: JwtLife,
}

impl<S> SigningLeases<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        signing: Arc<Signing>,
        longest: JwtLife,
    ) -> Self {
        Self { records, signing, longest }
    }

    /// Returns the longest life of a token that this process signs.
    pub(super) fn longest(&self) -> JwtLife {
        self.longest
    }
}

impl<S: Store> SigningLeases<S> {
    /// Announces the signing keys and renews their leases, if that is due. Returns the result.
    ///
    /// # Errors
    /// If the store cannot be changed; the leases last as long as they did.
    pub async fn keep(&self) -> Result<SigningStanding, WriteError> {
        let _turn = self.signing.turn.lock().await;
        self.announce(&self.signing.load()).await
    }

    /// Uses other signing keys from now on, and with them those before that are needed: tokens that they
    /// signed can be good.
    ///
    /// # Errors
    /// If the store cannot be asked. Then the keys before are in use, with the others or without.
    pub async fn replace(&self, ring: SigningRing) -> Result<SigningKeys, WriteError> {
        let _turn = self.signing.turn.lock().await;
        let (before, given) = (self.signing.load(), ring.clone());
        let needed = self.records.store.needed_signing_keys().await?;
        let mut ring = ring.keeping(&before, |id| needed.iter().any(|needed| needed.key == id));
        // Order matters: a key is published before it is announced, and until it is announced no more.
        self.signing.put_keys(ring.clone().keeping(&before, |_| true));
        let mut standing = self.announce(&ring).await?;
        while standing
            .missing
            .iter()
            .any(|key| ring.get(*key).is_none() && before.get(*key).is_some())
        {
            ring = ring.keeping(&before, |id| standing.missing.contains(&id));
            standing = self.announce(&ring).await?;
        }
        let kept = ring.keys().iter().map(|held| held.key.id());
        let kept = kept.filter(|id| given.get(*id).is_none()).collect();
        let changed = !ring.is_same(&before);
        self.signing.put_keys(ring);
        Ok(SigningKeys { changed, kept })
    }

    /// Returns the key that signs now. One without a lease is asked for.
    pub(super) async fn signing_key(&self) -> Option<Arc<SigningKey>> {
        if let Some(key) = self.signing.signer(self.records.now()) {
            return Some(key);
        }
        if let Err(error) = self.keep().await {
            tracing::debug!(%error, "no lease to sign");
        }
        self.signing.signer(self.records.now())
    }

    /// Announces the keys of a ring, all of which are in use, if that is due. The turn is the caller's.
    async fn announce(&self, ring: &SigningRing) -> Result<SigningStanding, WriteError> {
        let signing = &self.signing;
        loop {
            let (now, before) = (self.records.now(), signing.registered());
            let said = signing.announcement(ring, &before.standing.needed, self.longest, now);
            if !before.is_due(&said, now) {
                return Ok(before.standing.clone());
            }
            let mut both = before.published.clone();
            both.extend(said.published.iter().filter(|key| !before.published.contains(key)));
            signing.register(Registered { published: both, ..Registered::clone(&before) });
            let change = SigningChange::Announce(said.clone());
            let standing = self.records.store.register_signing(change, now).await?;
            log_changes(&before.standing, &standing);
            // One whose times say that it is over, and that another instance has signed with since.
            let again = standing.missing.iter().any(|key| ring.get(*key).is_some());
            signing.register(Registered {
                published: said.published.clone(),
                standing: standing.clone(),
                announced: (!again).then_some(said),
                time: now,
            });
            if !again {
                return Ok(standing);
            }
        }
    }

    /// Returns the signing keys that signed something that can be good and that this ring lacks: their tokens
    /// are answered with `Unavailable`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn lacking_keys(&self) -> Result<Vec<SigningKeyId>, ReadError> {
        let (needed, ring) = (self.records.store.needed_signing_keys().await?, self.signing.load());
        let now = self.records.now();
        let lacking = needed.iter().filter(|needed| now < needed.until).map(|needed| needed.key);
        Ok(lacking.filter(|key| ring.get(*key).is_none()).collect())
    }

    /// Returns the names of the signing keys that are needed, for who looks at the store from outside.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn needed_keys(&self) -> Result<Vec<SigningKeyId>, ReadError> {
        let needed = self.records.store.needed_signing_keys().await?;
        Ok(needed.iter().map(|needed| needed.key).collect())
    }

    /// Refuses a token that is unknown here because the ring lacks the key that it names.
    ///
    /// # Errors
    /// `Unavailable` if that key is needed: the token may be good.
    pub(super) async fn refuse_unverified(&self, jwt: &str) -> Result<(), Error> {
        let Some(key) = jose::named_key(jwt) else { return Ok(()) };
        if self.signing.load().get(key).is_some() {
            return Ok(());
        }
        let (needed, now) = (
            self.records.read(self.records.store.needed_signing_keys()).await?,
            self.records.now(),
        );
        if !needed.iter().any(|needed| needed.key == key && now < needed.until) {
            return Ok(());
        }
        if self.signing.is_news(key) {
            tracing::error!(
                key_id = %key,
                "a token names a signing key that the ring lacks: such tokens are UNAVAILABLE until \
                 the key's file is copied to it"
            );
        }
        Err(Error::UNAVAILABLE)
    }
}

/// Logs a new signer, and a key that begins to wait.
fn log_changes(before: &SigningStanding, now: &SigningStanding) {
    let signer = |standing: &SigningStanding| standing.signs.map(|lease| lease.key);
    if let Some(key) = signer(now)
        && signer(before) != Some(key)
    {
        tracing::info!(key_id = %key, "access tokens are signed with the key");
    }
    let waits = |standing: &SigningStanding| standing.waiting.map(|waiting| waiting.key);
    if let Some(waiting) = now.waiting
        && waits(before) != Some(waiting.key)
    {
        tracing::warn!(
            key_id = %waiting.key,
            instances = waiting.instances,
            "a signing key waits until every instance has published it for keys.jwks_max_age"
        );
    }
}
