//! Applies one declared client.

use super::{
    field::{Typed, apply_chosen},
    removed::is_back,
};
use crate::{
    config::{DeclaredClient, DeclaredSecret},
    domain::{
        client::{Client, ClientType},
        client_secret::{ClientSecret, SecretHash, StoredSecret, is_generated},
        declared::is_new,
        entropy::Entropy,
        error::Error,
        signing_times::JwtLife,
        time::Timestamp,
    },
    service::HashPool,
};

/// The record that `declaration` makes of `existing`, or of a new client.
///
/// # Errors
/// When a secret cannot be hashed, or what is declared does not fit what is stored.
pub async fn apply_client(
    declaration: &DeclaredClient,
    existing: Option<&Client>,
    hashes: &HashPool,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Client, Error> {
    let typed = Typed { hashes, unchanged: false };
    merge_client(declaration, existing, typed, JwtLife::default(), entropy, now).await
}

/// [`apply_client`], for whom the secrets in clear may be known to be the ones last applied.
pub(super) async fn merge_client(
    declaration: &DeclaredClient,
    existing: Option<&Client>,
    typed: Typed<'_>,
    longest: JwtLife,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Client, Error> {
    let blank = Client::new(declaration.id.clone(), ClientType::Public, entropy, now);
    let before = existing.unwrap_or(&blank);
    let mut client = before.clone();
    if is_back(&mut client.declared) {
        client.disabled = false;
    }
    apply_secret(declaration, &mut client, typed, now).await?;
    client.apply_declared(declaration.patch.clone());
    if client.client_type == ClientType::Public {
        client.drop_what_needs_a_secret();
    }
    let client = client.following(before, entropy, now);
    // The changes of administrators and the declarations of the file must fit together. A disabled
    // client does no harm.
    if existing != Some(&client) && !client.disabled {
        client.check(before, longest)?;
    }
    Ok(client)
}

/// A client's secret and its type go together: a client without a declared secret or certificate is
/// public. A newly declared secret takes the place of all others.
async fn apply_secret(
    declaration: &DeclaredClient,
    client: &mut Client,
    typed: Typed<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    const FIELD: &str = "secret";
    let declared = &mut client.declared;
    let mut changed = None;
    match &declaration.secret {
        None => {
            declared.remove(FIELD);
        }
        Some(DeclaredSecret::Clear(secret)) if is_generated(secret) => {
            let stored = StoredSecret::Generated(SecretHash::of(secret));
            changed = Some(stored).filter(|stored| is_new(declared, FIELD, Some(stored)));
        }
        Some(DeclaredSecret::Clear(secret)) => {
            let hash = apply_chosen(declared, FIELD, secret, typed).await?;
            changed = hash.map(StoredSecret::Chosen);
        }
        Some(DeclaredSecret::Hash(stored)) => {
            changed = Some(stored.clone()).filter(|stored| is_new(declared, FIELD, Some(stored)));
        }
    }
    if let Some(stored) = changed {
        client.secrets =
            vec![ClientSecret { stored, create_time: now, expire_time: None, made_by: None }];
    }
    let client_type = declaration.client_type();
    if is_new(declared, "type", Some(&client_type)) {
        client.client_type = client_type;
    }
    Ok(())
}
