//! Makes client secrets, and rotates them without downtime.

use std::time::Duration;

use super::{administrators::Leaving, clients::Clients, new_secret::NewClientSecret};
use crate::{
    domain::{
        client::{Client, ClientType},
        client_id::ClientId,
        client_secret::{ClientSecret, SecretHash, StoredSecret, is_generated},
        error::Error,
        rotation_mark::RotationMark,
        secret::Secret,
        secret_rotation::NewSecret,
        time::Timestamp,
    },
    service::{Admin, NoAdministrator},
    store::{Store, Stored, Version},
};

/// Request of [`Clients::rotate_client_secret`].
#[derive(Clone, Debug)]
pub struct RotateSecret {
    /// Client that owns the secret.
    pub id: ClientId,
    /// The secret.
    pub secret: NewClientSecret,
    /// Makes the request repeatable.
    pub request_id: Option<Box<str>>,
    /// The state that is to be changed, when it may be no other.
    pub expected: Option<Version>,
    /// Permission to leave the last administrator with secrets that end.
    pub no_administrator: NoAdministrator,
}

/// A rotation that may be carried out.
struct Rotation {
    /// The client that it was decided on.
    found: Stored<Client>,
    change: SecretChange,
    /// The secret, if it was generated.
    generated: Option<Secret>,
    /// The state that is to be changed, when it may be no other.
    expected: Option<Version>,
    no_administrator: NoAdministrator,
}

/// Change of a client's secrets.
enum SecretChange {
    /// The newest one is the one that was asked for: the one before is good for so long at most.
    Kept(Duration),
    New(NewSecret),
}

impl SecretChange {
    fn apply(&self, client: &Client, now: Timestamp) -> Result<Client, Error> {
        match self {
            Self::Kept(previous_ttl) => Ok(client.with_previous_ending(*previous_ttl, now)),
            Self::New(new) => client.rotated(new.clone(), now),
        }
    }
}

impl<S: Store> Clients<S> {
    /// Gives a client another secret beside the newest one it has. Answers, once that is durable,
    /// the client and the secret, if it was generated. Grants live on. A repeat, known by its request
    /// id or by the secret that it brings, ends nothing. Of rotations at the same time one wins.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` for a public client, for a request id that stands for another
    /// request, and when the last administrator would be left with secrets that end; `TooWeak` for a chosen secret; `Changed` when another secret was set meanwhile, or the
    /// client is in another state than expected; `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn rotate_client_secret(
        &self,
        admin: &Admin,
        request: RotateSecret,
    ) -> Result<(Stored<Client>, Option<Secret>), Error> {
        let id = request.id.clone();
        let rotated = self.rotate(admin, request).await;
        admin.noted("rotate client secret", Some(&id), rotated)
    }

    async fn rotate(
        &self,
        admin: &Admin,
        request: RotateSecret,
    ) -> Result<(Stored<Client>, Option<Secret>), Error> {
        let id = request.id.clone();
        let Rotation { found, change, generated, expected, no_administrator } =
            self.rotation(admin, request).await?;
        let rotated = self
            .change_client(&id, expected, no_administrator, |client| {
                if client.secrets != found.secrets {
                    return Err(Error::Changed);
                }
                change.apply(client, self.records.now())
            })
            .await?;
        Ok((rotated, generated))
    }

    /// Checks [`Self::rotate_client_secret`] without a change.
    ///
    /// # Errors
    /// As there.
    pub async fn check_rotation(&self, admin: &Admin, request: RotateSecret) -> Result<(), Error> {
        let Rotation { found, change, no_administrator: may_be_none, .. } =
            self.rotation(admin, request).await?;
        let next = change.apply(&found, self.records.now())?;
        let leaving = Leaving { before: &found, after: Some(&next), may_be_none };
        self.administrators.check_administrator(leaving).await
    }

    async fn rotation(&self, admin: &Admin, request: RotateSecret) -> Result<Rotation, Error> {
        let RotateSecret { id, secret, request_id, expected, no_administrator } = request;
        let NewClientSecret { chosen, ttl, previous_ttl } = secret;
        let found = self.existing_client(&id).await?;
        let mark = request_id.map(|request_id| RotationMark::new(&request_id, ttl, previous_ttl));
        let repeated = mark.as_ref().is_some_and(|mark| found.was_asked(mark));
        // A public client is refused before a chosen secret costs a hash.
        let costs = found.client_type == ClientType::Confidential;
        if let Some(chosen) = chosen.as_ref().filter(|_| costs) {
            let live: Vec<_> =
                found.secrets.iter().filter(|held| held.is_live(self.records.now())).collect();
            match self.place(&live, chosen).await? {
                Some(place) if place + 1 == live.len() => {
                    let change = SecretChange::Kept(previous_ttl);
                    return Ok(Rotation {
                        found,
                        change,
                        generated: None,
                        expected: None,
                        no_administrator,
                    });
                }
                Some(_) => return Err(Error::Changed),
                None if repeated => return Err(Client::request_id_used()),
                None => {}
            }
        }
        // Its own first attempt has changed the state that a repeat speaks of.
        let expected = expected.filter(|_| !repeated);
        if expected.is_some_and(|expected| expected != found.version()) {
            return Err(Error::Changed);
        }
        let chosen = chosen.filter(|_| costs);
        let (stored, generated) = self.secrets.make_secret(admin, &id, chosen).await?;
        let change = SecretChange::New(NewSecret { stored, ttl, previous_ttl, mark });
        Ok(Rotation { found, change, generated, expected, no_administrator })
    }

    /// Returns the index of `secret` among those held.
    async fn place(&self, held: &[&ClientSecret], secret: &Secret) -> Result<Option<usize>, Error> {
        let generated = is_generated(secret).then(|| SecretHash::of(secret));
        for (place, held) in held.iter().enumerate().rev() {
            let same = match (&held.stored, &generated) {
                (StoredSecret::Generated(hash), Some(generated)) => hash == generated,
                (StoredSecret::Chosen(phc), None) => {
                    self.secrets.hashes.verify(secret, phc).await?
                }
                (StoredSecret::Generated(_), None) | (StoredSecret::Chosen(_), Some(_)) => false,
            };
            if same {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}
