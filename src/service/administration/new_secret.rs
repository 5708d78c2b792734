//! Makes the secret that a client shall have, of the one that an administrator chose or of chance.

use std::{sync::Arc, time::Duration};

use super::{
    admin::Admin,
    new_password::{check_new_secret, prepared},
};
use crate::{
    domain::{
        client_id::ClientId,
        client_secret::{self, SecretHash, StoredSecret, is_generated},
        entropy::Entropy,
        error::Error,
        secret::Secret,
        secret_rules::SecretRules,
    },
    service::HashPool,
};

/// For how long the secret before stays good when nobody says: a day, for every instance of the
/// client to be given the new one.
pub const DEFAULT_SECRET_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// A secret that a client shall have.
#[derive(Clone, Debug)]
pub struct NewClientSecret {
    /// The secret itself; `None` has one generated.
    pub chosen: Option<Secret>,
    /// Its life; `None` for ever.
    pub ttl: Option<Duration>,
    /// For how long the newest secret before it stays good.
    pub previous_ttl: Duration,
}

/// Maker of secrets for clients.
pub(in crate::service) struct SecretMaker {
    pub(super) hashes: Arc<HashPool>,
    entropy: Arc<dyn Entropy>,
    /// Rules for chosen secrets.
    rules: SecretRules,
}

impl SecretMaker {
    pub(in crate::service) const fn new(
        hashes: Arc<HashPool>,
        entropy: Arc<dyn Entropy>,
        rules: SecretRules,
    ) -> Self {
        Self { hashes, entropy, rules }
    }

    /// Returns a secret's stored form, and the secret itself if it was generated.
    pub(super) async fn make_secret(
        &self,
        admin: &Admin,
        client: &ClientId,
        chosen: Option<Secret>,
    ) -> Result<(StoredSecret, Option<Secret>), Error> {
        let Some(chosen) = chosen else {
            let secret = client_secret::generate(&*self.entropy);
            return Ok((StoredSecret::Generated(SecretHash::of(&secret)), Some(secret)));
        };
        check_new_secret(self.rules, client, &chosen)?;
        // Presented secrets are checked by their form: a secret with the form of a generated one
        // must be stored as one.
        if is_generated(&chosen) {
            return Ok((StoredSecret::Generated(SecretHash::of(&chosen)), None));
        }
        let chosen = prepared("client_secret", &chosen)?;
        let hash = self.hashes.hash_for(admin.account(), chosen).await?;
        Ok((StoredSecret::Chosen(hash), None))
    }
}
