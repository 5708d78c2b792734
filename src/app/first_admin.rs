//! Makes the first administrator, for a store that has none.

use std::io;

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::SystemEntropy;
use crate::{
    domain::{
        client::Client,
        client_id::ClientId,
        client_secret::{self, SecretHash, StoredSecret},
        secret::Secret,
        time::Timestamp,
    },
    service::administrator,
    store::{Engine, ReadError, Records as _, Store, Write, WriteError},
};

/// Id of the first administrator.
const ID: &str = "admin";

/// Prefix of the text of a generated secret's hash.
pub(super) const HASH_PREFIX: &str = "sha256:";

/// Administrator of a store.
#[derive(Clone, Debug)]
pub enum FirstAdmin {
    /// This client, which is about to be made. Its secret is shown nowhere else.
    Made {
        /// Its name.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
    /// This client, among others perhaps. Nothing was made.
    Present {
        /// Its name.
        client_id: String,
    },
}

/// Shows the administrator to the process's user, on a thread where it may wait for the reader.
/// Fails if the text cannot be written.
pub type Announce = Box<dyn FnOnce(FirstAdmin) -> io::Result<()> + Send>;

/// Reason for which there is no first administrator.
#[derive(Debug, Error)]
pub enum FirstAdminError {
    /// The name is taken.
    #[error(
        "the client {ID} exists and is no administrator, or is disabled or has no secret that is good: \
         jeton admin reset makes it one"
    )]
    Taken,
    /// The secret could not be shown, so nothing was made.
    #[error("it cannot be shown: {0}")]
    Untold(#[from] io::Error),
    /// The store failed.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
    /// The store failed.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
}

/// Looks for a client that may administer, and makes one where there is none. Returns once that is
/// durable. The secret is shown before it is stored: one that is stored and was never seen would
/// lock everybody out.
///
/// # Errors
/// See [`FirstAdminError`].
pub(super) async fn first_admin(
    store: &impl Store,
    now: Timestamp,
    announce: Announce,
) -> Result<(), FirstAdminError> {
    if let Some(admin) = administrator(store, now).await? {
        return Ok(tell(announce, FirstAdmin::Present { client_id: admin.to_string() }).await?);
    }
    let client_secret = new_client_secret();
    let id = ClientId::parse(ID).expect("a constant that is a client id");
    let stored = StoredSecret::Generated(SecretHash::of(&client_secret));
    let client = Client::administrator(id, stored, &SystemEntropy, now);
    if store.clients().get(&client.id).await?.is_some() {
        return Err(FirstAdminError::Taken);
    }
    tell(announce, FirstAdmin::Made { client_id: client.id.to_string(), client_secret }).await?;
    store.clients().write(Write::Insert(client)).await?;
    Ok(())
}

/// Warns where nobody administers a store that is served.
pub(super) async fn look_for_administrator(store: Engine, now: Timestamp) {
    match administrator(&store, now).await {
        Ok(Some(_)) => {}
        Ok(None) => tracing::warn!(
            "no client may administer: jeton admin reset makes one, on this machine and while the server \
             runs (docs/administration.md)"
        ),
        Err(error) => tracing::warn!(%error, "whether some client may administer cannot be read"),
    }
}

async fn tell(announce: Announce, admin: FirstAdmin) -> io::Result<()> {
    spawn_blocking(move || announce(admin)).await.map_err(io::Error::other)?
}

/// Generates a client secret, to be shown before a client has it.
pub fn new_client_secret() -> Secret {
    client_secret::generate(&SystemEntropy)
}

/// A generated secret's hash, as the settings take it for `secret_hash`.
pub fn secret_hash(secret: &Secret) -> String {
    let hash = Sha256::digest(secret.expose());
    let digits: Vec<_> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{HASH_PREFIX}{}", digits.concat())
}
