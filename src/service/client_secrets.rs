//! Makes client secrets, and rotates them without downtime.

use std::time::Duration;

use super::{Admin, Service, new_password::prepared};
use crate::{
    domain::{
        client::{Client, ClientType},
        client_id::ClientId,
        client_secret::{self, SecretHash, StoredSecret},
        error::Error,
        secret::Secret,
        secret_rotation::NewSecret,
    },
    store::{Store, Stored},
};

/// For how long the secret before stays good when nobody says: a day, for every instance of the
/// client to be given the new one.
pub const STANDARD_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// A secret that a client shall have.
#[derive(Clone, Debug)]
pub struct ChosenOrGenerated {
    /// The secret itself, 1 to [`Secret::MAX_BYTES`] bytes; `None` has one generated.
    pub chosen: Option<Secret>,
    /// Its life; `None` for ever.
    pub ttl: Option<Duration>,
    /// For how long the newest secret before it stays good.
    pub previous_ttl: Duration,
}

impl<S: Store> Service<S> {
    /// Gives a client another secret beside the newest one it has. Answers, once that is durable,
    /// the client and the secret, if it was generated. Grants live on.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` for a public client; `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn rotate_client_secret(
        &self,
        admin: &Admin,
        id: &ClientId,
        request: ChosenOrGenerated,
    ) -> Result<(Stored<Client>, Option<Secret>), Error> {
        let found = self.existing_client(id).await?;
        // A public client is refused before a chosen secret costs a hash.
        let costs = found.client_type == ClientType::Confidential;
        let chosen = request.chosen.filter(|_| costs);
        let (stored, generated) = self.make_secret(chosen).await?;
        let ChosenOrGenerated { ttl, previous_ttl, .. } = request;
        let new = NewSecret { stored, ttl, previous_ttl };
        let rotated = self
            .change_client(id, None, |client| client.with_secret(new.clone(), self.now()))
            .await?;
        admin.note("rotate client secret", id);
        Ok((rotated, generated))
    }

    /// How a secret is kept, and the secret itself where it was generated.
    pub(super) async fn make_secret(
        &self,
        chosen: Option<Secret>,
    ) -> Result<(StoredSecret, Option<Secret>), Error> {
        let Some(chosen) = chosen else {
            let secret = client_secret::generate(&*self.entropy);
            return Ok((StoredSecret::Generated(SecretHash::of(&secret)), Some(secret)));
        };
        if chosen.is_empty() || chosen.is_too_long() {
            let problem = "must be 1 to 1024 bytes";
            return Err(Error::InvalidRequest { field: "client_secret", problem });
        }
        // What is presented is taken by its form: a secret that reads like a generated one must be
        // kept like one.
        if client_secret::is_generated(&chosen) {
            return Ok((StoredSecret::Generated(SecretHash::of(&chosen)), None));
        }
        let chosen = prepared("client_secret", &chosen)?;
        Ok((StoredSecret::Chosen(self.hashes.hash(chosen).await?), None))
    }
}
