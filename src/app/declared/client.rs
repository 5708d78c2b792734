//! Applies one declared client.

use super::{
    field::{Typed, apply, apply_chosen},
    removed::is_back,
};
use crate::{
    config::{DeclaredClient, DeclaredSecret},
    domain::{
        client::{Client, ClientType},
        client_secret::{ClientSecret, SecretHash, StoredSecret, is_generated},
        entropy::Entropy,
        epoch::Epoch,
        error::Error,
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
    merge_client(declaration, existing, typed, entropy, now).await
}

/// [`apply_client`], for whom the secrets in clear may be known to be the ones last applied.
pub(super) async fn merge_client(
    declaration: &DeclaredClient,
    existing: Option<&Client>,
    typed: Typed<'_>,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Client, Error> {
    let mut client = existing
        .cloned()
        .unwrap_or_else(|| Client::new(declaration.id.clone(), ClientType::Public, entropy, now));
    if is_back(&mut client.declared) {
        client.disabled = false;
    }
    apply_secret(declaration, &mut client, typed, now).await?;
    apply_plain(declaration, &mut client);
    if client.client_type == ClientType::Public {
        client.drop_what_needs_a_secret();
    }
    let was_disabled = existing.is_some_and(|client| client.disabled);
    if client.disabled && !was_disabled {
        client.epoch = Epoch::generate(entropy);
    }
    if existing == Some(&client) {
        return Ok(client);
    }
    // What an administrator changed and what the file declares must fit together. Disabled it does no harm.
    if !client.disabled {
        client.check(existing.unwrap_or(&client))?;
    }
    client.update_time = now;
    Ok(client)
}

fn apply_plain(declaration: &DeclaredClient, client: &mut Client) {
    let declared = &mut client.declared;
    let lifetimes = &mut client.lifetimes;
    apply(declared, "grants", declaration.grant_types.as_ref(), |v| client.grant_types = v);
    apply(declared, "scopes", declaration.default_scopes.as_ref(), |v| client.default_scopes = v);
    apply(declared, "allowed_scopes", declaration.allowed_scopes.as_ref(), |v| {
        client.allowed_scopes = v;
    });
    apply(declared, "audience", declaration.audience.as_ref(), |v| client.audience = v);
    apply(declared, "access_token_ttl", declaration.access_token_ttl.as_ref(), |v| {
        lifetimes.access = v;
    });
    apply(declared, "refresh_token_ttl", declaration.refresh_token_ttl.as_ref(), |v| {
        lifetimes.refresh = v;
    });
    apply(declared, "grant_ttl", declaration.grant_ttl.as_ref(), |v| lifetimes.grant = v);
    apply(declared, "max_grants", declaration.max_grants.as_ref(), |v| {
        client.grant_limit.max = v;
    });
    apply(declared, "when_full", declaration.when_full.as_ref(), |v| {
        client.grant_limit.when_full = v;
    });
    apply(declared, "request_limit", declaration.request_limit.as_ref(), |v| {
        client.request_limit = Some(v);
    });
    apply(declared, "certificates", declaration.certificates.as_ref(), |v| {
        client.certificates = v;
    });
    apply(declared, "introspect", declaration.introspect.as_ref(), |v| client.introspect = v);
    apply(declared, "permissions", declaration.permissions.as_ref(), |v| client.permissions = v);
    apply(declared, "attributes", declaration.attributes.as_ref(), |v| client.attributes = v);
    apply(declared, "disabled", declaration.disabled.as_ref(), |v| client.disabled = v);
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
            apply(declared, FIELD, Some(&stored), |stored| changed = Some(stored));
        }
        Some(DeclaredSecret::Clear(secret)) => {
            let hash = apply_chosen(declared, FIELD, secret, typed).await?;
            changed = hash.map(StoredSecret::Chosen);
        }
        Some(DeclaredSecret::Hash(stored)) => {
            apply(declared, FIELD, Some(stored), |stored| changed = Some(stored));
        }
    }
    if let Some(stored) = changed {
        client.secrets =
            vec![ClientSecret { stored, create_time: now, expire_time: None, made_by: None }];
    }
    let client_type = declaration.client_type();
    let mut switched = None;
    apply(declared, "type", Some(&client_type), |client_type| switched = Some(client_type));
    if let Some(client_type) = switched {
        client.client_type = client_type;
    }
    Ok(())
}
