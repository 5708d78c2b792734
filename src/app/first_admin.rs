//! Makes the first administrator, for a store that has none.

use std::{io, time::Duration};

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::SystemEntropy;
use crate::{
    domain::{
        audience::{Audience, SELF_AUDIENCE},
        client::{Client, ClientType, IntrospectReach, Permissions},
        client_id::ClientId,
        client_patch::ClientPatch,
        client_secret::{self, SecretHash, StoredSecret},
        error::Error as Refusal,
        grant_type::GrantType,
        secret::Secret,
        secret_rotation::NewSecret,
        time::Timestamp,
    },
    store::{ReadError, Records as _, Store, Write, WriteError},
};

/// What the first administrator is called.
const ID: &str = "admin";

/// Clients that are read at a time.
const STEP: usize = 256;

/// Who administers a store.
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

/// Tells whoever started the process, on a thread where it may wait for who reads. Fails when nobody can
/// be told.
pub type Announce = Box<dyn FnOnce(FirstAdmin) -> io::Result<()> + Send>;

/// Why there is no first administrator.
#[derive(Debug, Error)]
pub enum FirstAdminError {
    /// The name is taken.
    #[error("the client {ID} exists and is no administrator, or is disabled: declare another one")]
    Taken,
    /// The secret could not be shown, so nothing was made.
    #[error("it cannot be shown: {0}")]
    Untold(#[from] io::Error),
    /// What it should be, it cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
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
    if let Some(admin) = present(store).await? {
        return Ok(tell(announce, FirstAdmin::Present { client_id: admin.to_string() }).await?);
    }
    let client_secret = new_client_secret();
    let client = client(&client_secret, now)?;
    if store.clients().get(&client.id).await?.is_some() {
        return Err(FirstAdminError::Taken);
    }
    tell(announce, FirstAdmin::Made { client_id: client.id.to_string(), client_secret }).await?;
    store.clients().write(Write::Insert(client)).await?;
    Ok(())
}

async fn tell(announce: Announce, admin: FirstAdmin) -> io::Result<()> {
    spawn_blocking(move || announce(admin)).await.map_err(io::Error::other)?
}

/// A client secret, for whoever is to see it before a client has it.
pub fn new_client_secret() -> Secret {
    client_secret::generate(&SystemEntropy)
}

/// A generated secret's hash, as the settings take it for `secret_hash`.
pub fn secret_hash(secret: &Secret) -> String {
    let hash = Sha256::digest(secret.expose());
    let digits: Vec<_> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// A client that may call `AdminService`, if there is one.
async fn present(store: &impl Store) -> Result<Option<ClientId>, ReadError> {
    let mut after = None;
    loop {
        let page = store.clients().page(after.as_ref(), STEP).await?;
        let Some(last) = page.last().map(|client| client.id.clone()) else {
            return Ok(None);
        };
        if let Some(admin) = page.iter().find(|client| may_administer(client)) {
            return Ok(Some(admin.id.clone()));
        }
        after = Some(last);
    }
}

fn may_administer(client: &Client) -> bool {
    let confidential = client.client_type == ClientType::Confidential;
    confidential && client.permissions.admin && !client.disabled
}

fn client(secret: &Secret, now: Timestamp) -> Result<Client, Refusal> {
    let id = ClientId::parse(ID).expect("a constant that is a client id");
    let audience = Audience::from_names([SELF_AUDIENCE]).expect("a constant that is an audience");
    let blank = Client::new(id, ClientType::Confidential, &SystemEntropy, now);
    let patch = ClientPatch {
        grant_types: Some([GrantType::ClientCredentials].into_iter().collect()),
        audience: Some(audience),
        introspect: Some(IntrospectReach::Any),
        permissions: Some(Permissions { admin: true, inactive_reason: true }),
        ..ClientPatch::default()
    };
    let stored = StoredSecret::Generated(SecretHash::of(secret));
    let new = NewSecret { stored, ttl: None, previous_ttl: Duration::ZERO, mark: None };
    blank.edited(&patch, &SystemEntropy, now)?.with_secret(new, now)
}
