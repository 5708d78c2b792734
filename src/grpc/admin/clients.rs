//! Between the messages about clients and the types of `service`.

use std::time::Duration;

use super::{
    fields::{self, unknown},
    names,
};
use crate::{
    domain::{
        client::{Client, ClientType, GrantLimit, IntrospectReach, Permissions, WhenFull},
        client_edit::ClientEdit,
        client_id::ClientId,
        client_secret::{ClientSecret, StoredSecret},
        error::Error,
        grant_type::GrantType,
        request_limit::RequestLimit,
        secret::Secret,
        time::Timestamp,
    },
    grpc::convert::{self, duration, timestamp},
    proto::v1,
    service::{
        ChosenOrGenerated, ClientFilter, CreateClient, RotateSecret, STANDARD_OVERLAP, UpdateClient,
    },
    store::Stored,
};

/// # Errors
/// `InvalidRequest` for what no client may be.
pub(super) fn create(request: v1::CreateClientRequest) -> Result<CreateClient, Error> {
    let mut client = request.client.ok_or(Error::missing("client"))?;
    if client.client_id.is_empty() {
        return Err(Error::missing("client.client_id"));
    }
    let id = ClientId::parse_new(&client.client_id);
    let id = id.map_err(|invalid| names::refused("client.client_id", invalid))?;
    if client.allowed_scopes.is_empty() {
        client.allowed_scopes.clone_from(&client.scopes);
    }
    let given = fields::CHANGEABLE.iter().map(|field| fields::edit(field, &client));
    let fields = given.collect::<Result<Vec<ClientEdit>, Error>>()?;
    let (chosen, ttl) = (chosen(request.client_secret), request.secret_ttl);
    let secret = match v1::ClientType::try_from(client.client_type) {
        Ok(v1::ClientType::Unspecified | v1::ClientType::Confidential) => {
            Some(ChosenOrGenerated { chosen, ttl: lifetime(ttl)?, previous_ttl: Duration::ZERO })
        }
        Ok(v1::ClientType::Public) if chosen.is_some() || ttl.is_some() => {
            let problem = "not for a public client";
            return Err(Error::InvalidRequest { field: "client_secret", problem });
        }
        Ok(v1::ClientType::Public) => None,
        Err(_) => return Err(unknown("client.client_type")),
    };
    Ok(CreateClient { id, secret, fields })
}

/// # Errors
/// `InvalidRequest` for a mask of other fields, and for values beyond their limits.
pub(super) fn update(request: v1::UpdateClientRequest) -> Result<UpdateClient, Error> {
    let client = request.client.ok_or(Error::missing("client"))?;
    let id = names::client_id(&client.client_id)?;
    let mask = request.update_mask.unwrap_or_default();
    if mask.paths.is_empty() {
        return Err(Error::missing("update_mask"));
    }
    let given = mask.paths.iter().map(|field| fields::edit(field, &client));
    let fields = given.collect::<Result<_, _>>()?;
    Ok(UpdateClient { id, fields, expected: names::expected("client.etag", &client.etag)? })
}

/// # Errors
/// `InvalidRequest` for an unknown permission.
pub(super) fn filter(request: &v1::ListClientsRequest) -> Result<ClientFilter, Error> {
    let mut permissions = Permissions::default();
    match v1::Permission::try_from(request.permission) {
        Ok(v1::Permission::Unspecified) => {}
        Ok(v1::Permission::Admin) => permissions.admin = true,
        Ok(v1::Permission::InactiveReason) => permissions.inactive_reason = true,
        Err(_) => return Err(unknown("permission")),
    }
    let id_prefix = request.client_id_prefix.clone();
    Ok(ClientFilter { id_prefix, permissions, disabled_only: request.disabled_only })
}

/// # Errors
/// `InvalidRequest` for values beyond their limits; `NotFound` for text that names no client.
pub(super) fn rotate(request: v1::RotateClientSecretRequest) -> Result<RotateSecret, Error> {
    let id = names::client_id(&request.client_id)?;
    let previous_ttl = fields::duration("previous_ttl", request.previous_ttl)?;
    let secret = ChosenOrGenerated {
        chosen: chosen(request.client_secret),
        ttl: lifetime(request.secret_ttl)?,
        previous_ttl: previous_ttl.unwrap_or(STANDARD_OVERLAP),
    };
    Ok(RotateSecret {
        id,
        secret,
        request_id: convert::request_id(&request.request_id)?,
        expected: names::expected("etag", &request.etag)?,
    })
}

fn chosen(text: String) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

fn lifetime(given: Option<prost_types::Duration>) -> Result<Option<Duration>, Error> {
    let ttl = fields::duration("secret_ttl", given)?;
    if ttl.is_some_and(|ttl| ttl.is_zero()) {
        return Err(Error::InvalidRequest { field: "secret_ttl", problem: "must be positive" });
    }
    Ok(ttl)
}

/// A client, with those of its secrets that are live at `now`.
pub(super) fn message(client: &Stored<Client>, now: Timestamp) -> v1::Client {
    let client_type = match client.client_type {
        ClientType::Confidential => v1::ClientType::Confidential,
        ClientType::Public => v1::ClientType::Public,
    };
    let introspect = match client.introspect {
        IntrospectReach::Own => v1::IntrospectReach::Own,
        IntrospectReach::Audience => v1::IntrospectReach::Audience,
        IntrospectReach::Any => v1::IntrospectReach::Any,
    };
    let attributes = client.attributes.entries();
    let live = client.secrets.iter().filter(|secret| secret.is_live(now));
    v1::Client {
        client_id: client.id.to_string(),
        client_type: client_type.into(),
        grant_types: grant_types(client),
        scopes: client.default_scopes.values().map(str::to_owned).collect(),
        allowed_scopes: client.allowed_scopes.values().map(str::to_owned).collect(),
        audience: client.audience.names().map(str::to_owned).collect(),
        access_token_ttl: Some(duration(client.lifetimes.access)),
        refresh_token_ttl: Some(duration(client.lifetimes.refresh)),
        grant_ttl: Some(duration(client.lifetimes.grant)),
        grant_limit: Some(grant_limit(client.grant_limit)),
        request_limit: client.request_limit.map(request_limit),
        certificates: client.certificates.iter().map(ToString::to_string).collect(),
        introspect: introspect.into(),
        permissions: permissions(client.permissions),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        disabled: client.disabled,
        secrets: live.map(secret).collect(),
        create_time: Some(timestamp(client.create_time)),
        update_time: Some(timestamp(client.update_time)),
        etag: names::etag(client.version()),
    }
}

fn grant_types(client: &Client) -> Vec<i32> {
    let held = GrantType::ALL.into_iter().filter(|each| client.grant_types.contains(*each));
    held.map(|grant_type| match grant_type {
        GrantType::Password => v1::GrantType::Password.into(),
        GrantType::RefreshToken => v1::GrantType::RefreshToken.into(),
        GrantType::ClientCredentials => v1::GrantType::ClientCredentials.into(),
    })
    .collect()
}

fn grant_limit(limit: GrantLimit) -> v1::GrantLimit {
    let when_full = match limit.when_full {
        WhenFull::EvictOldest => v1::WhenFull::EvictOldest,
        WhenFull::Refuse => v1::WhenFull::Refuse,
    };
    v1::GrantLimit { max: limit.max, when_full: when_full.into() }
}

fn request_limit(limit: RequestLimit) -> v1::RequestLimit {
    v1::RequestLimit { per_second: limit.per_second.get(), burst: limit.burst.get() }
}

fn permissions(held: Permissions) -> Vec<i32> {
    let Permissions { admin, inactive_reason } = held;
    let all = [(admin, v1::Permission::Admin), (inactive_reason, v1::Permission::InactiveReason)];
    all.into_iter().filter(|(held, _)| *held).map(|(_, permission)| permission.into()).collect()
}

fn secret(secret: &ClientSecret) -> v1::ClientSecret {
    v1::ClientSecret {
        create_time: Some(timestamp(secret.create_time)),
        expire_time: secret.expire_time.map(timestamp),
        generated: matches!(secret.stored, StoredSecret::Generated(_)),
    }
}

/// The secret of the one answer that shows it.
pub(super) fn shown(secret: Option<&Secret>) -> String {
    secret.map(|secret| secret.expose().to_owned()).unwrap_or_default()
}
