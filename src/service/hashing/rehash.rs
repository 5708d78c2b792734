//! Rehashing of passwords and chosen client secrets, if another cost or another text is hashed
//! today.

use std::sync::Arc;

use tracing::Instrument as _;

use super::{
    hash_pool::HashPool,
    verified::{Claim, VerifiedSecrets},
};
use crate::{
    domain::{
        client::Client,
        client_secret::StoredSecret,
        error::Error,
        secret::Secret,
        typed_secret::Reading,
        user::{PasswordHash, User},
    },
    service::records::Records,
    store::{Records as _, Store, Stored, Write, WriteError},
};

/// A client secret that has just been verified.
pub(in crate::service) struct Shown {
    /// As it was presented.
    pub(in crate::service) secret: Secret,
    /// Reading that matched.
    pub(in crate::service) reading: Reading,
}

/// Renewal of hashes, behind the calls that show their texts.
pub(in crate::service) struct Rehash<S> {
    records: Records<S>,
    hashes: Arc<HashPool>,
    verified: Arc<VerifiedSecrets>,
}

impl<S> Rehash<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        hashes: Arc<HashPool>,
        verified: Arc<VerifiedSecrets>,
    ) -> Self {
        Self { records, hashes, verified }
    }
}

impl<S: Store> Rehash<S> {
    /// Sees to it that the password that has just been verified is hashed as it would be today, in text
    /// and cost. Nobody waits for it and nothing depends on it: what fails is tried again at the next
    /// login. Neither the user's epoch moves nor anything else of the record.
    pub(in crate::service) fn renew_password(&self, user: &Stored<User>, reading: Reading) {
        let Some(password) = self.to_hash(&user.password.0, reading) else { return };
        let (store, hashes) = (Arc::clone(&self.records.store), Arc::clone(&self.hashes));
        let user = user.clone();
        let renewal = async move {
            let renewed = match hashes.hash(password).await {
                Ok(hash) => {
                    let renewed = User { password: PasswordHash(hash), ..(*user).clone() };
                    store.users().write(Write::Replace(user.version(), renewed)).await
                }
                Err(error) => return not_hashed(&error),
            };
            report("a password", renewed.map(drop));
        };
        tokio::spawn(renewal.in_current_span());
    }

    /// The same for a client secret that matched `phc`.
    pub(in crate::service) fn renew_secret(
        &self,
        client: &Stored<Client>,
        phc: &str,
        shown: Shown,
    ) {
        let Shown { secret, reading } = shown;
        let Some(text) = self.to_hash(phc, reading) else { return };
        let (store, hashes) = (Arc::clone(&self.records.store), Arc::clone(&self.hashes));
        let (verified, old) = (Arc::clone(&self.verified), StoredSecret::Chosen(phc.into()));
        let (client, now) = (client.clone(), self.records.now());
        let renewal = async move {
            let hash = match hashes.hash(text).await {
                Ok(hash) => hash,
                Err(error) => return not_hashed(&error),
            };
            let mut renewed = (*client).clone();
            for held in renewed.secrets.iter_mut().filter(|held| held.stored == old) {
                held.stored = StoredSecret::Chosen(hash.clone());
            }
            let hashes = renewed.chosen_hashes(now);
            let claim = Claim { client_id: client.id.as_str(), hashes: &hashes, secret: &secret };
            verified.remember(verified.proof(claim), true);
            let written = store.clients().write(Write::Replace(client.version(), renewed)).await;
            report("a client secret", written.map(drop));
        };
        tokio::spawn(renewal.in_current_span());
    }

    /// The text to hash in the place of `phc`, if it is not what would be stored today.
    fn to_hash(&self, phc: &str, Reading { text, renewed }: Reading) -> Option<Secret> {
        let differs = renewed.is_some() || self.hashes.is_outdated(phc);
        differs.then(|| renewed.unwrap_or(text))
    }
}

fn not_hashed(error: &Error) {
    tracing::debug!(%error, "an older hash was kept");
}

fn report(what: &str, written: Result<(), WriteError>) {
    match written {
        Ok(()) => tracing::info!("{what} was hashed anew, as the settings have it now"),
        // The first writer of the record can have done it.
        Err(error) => tracing::debug!(%error, "{what} was not hashed anew"),
    }
}
