//! Between the messages about clients and the types of `service`.

use std::time::Duration;

use super::{enum_value::EnumValue as _, fields, mask::Mask, names};
use crate::{
    domain::{
        client::{ClientType, Permissions},
        client_id::ClientId,
        error::Error,
        permission::Permission,
        secret::Secret,
        time::Timestamp,
    },
    grpc::convert,
    proto::v1,
    service::{
        ClientFilter, CreateClient, DEFAULT_SECRET_OVERLAP, NewClientSecret, NewCredentials,
        NoAdministrator, RotateSecret, UpdateClient,
    },
};

/// # Errors
/// `InvalidRequest` for what no client may be.
pub(super) fn create(
    request: v1::CreateClientRequest,
    now: Timestamp,
) -> Result<CreateClient, Error> {
    let mut client = request.client.ok_or(Error::missing("client"))?;
    if client.client_id.is_empty() {
        return Err(Error::missing("client.client_id"));
    }
    let id = ClientId::parse_new(&client.client_id);
    let id = id.map_err(|invalid| names::refused("client.client_id", invalid))?;
    if client.allowed_scopes.is_empty() {
        client.allowed_scopes.clone_from(&client.scopes);
    }
    let patch = fields::patch(Mask::all(), &client, now)?;
    let (chosen, ttl) = (chosen(request.client_secret), request.secret_ttl);
    let field = "client.client_type";
    let secret = match ClientType::read_or(field, client.client_type, ClientType::Confidential)? {
        _ if request.no_secret && (chosen.is_some() || ttl.is_some()) => {
            let problem = "not beside a secret";
            return Err(Error::InvalidRequest { field: "no_secret", problem });
        }
        ClientType::Confidential if request.no_secret => NewCredentials::NoSecret,
        ClientType::Confidential => {
            let ttl = lifetime(ttl)?;
            NewCredentials::Secret(NewClientSecret { chosen, ttl, previous_ttl: Duration::ZERO })
        }
        ClientType::Public if chosen.is_some() || ttl.is_some() => {
            let problem = "not for a public client";
            return Err(Error::InvalidRequest { field: "client_secret", problem });
        }
        ClientType::Public => NewCredentials::Public,
    };
    Ok(CreateClient { id, secret, patch })
}

/// # Errors
/// `InvalidRequest` for a mask of other fields, and for values beyond their limits.
pub(super) fn update(
    request: v1::UpdateClientRequest,
    now: Timestamp,
) -> Result<UpdateClient, Error> {
    let client = request.client.ok_or(Error::missing("client"))?;
    let id = names::client_id(&client.client_id)?;
    let patch = fields::patch(Mask::of(request.update_mask)?, &client, now)?;
    let expected = names::expected("client.etag", &client.etag)?;
    let no_administrator = no_administrator(request.allow_no_administrator);
    Ok(UpdateClient { id, patch, expected, no_administrator })
}

/// Returns the permission to remove the last administrator.
pub(super) const fn no_administrator(allowed: bool) -> NoAdministrator {
    if allowed { NoAdministrator::Allowed } else { NoAdministrator::Refused }
}

/// # Errors
/// `InvalidRequest` for an unknown permission.
pub(super) fn filter(request: &v1::ListClientsRequest) -> Result<ClientFilter, Error> {
    let permissions = match request.permission {
        0 => Permissions::default(),
        number => Permissions::default().with(Permission::read("permission", number)?),
    };
    let id_prefix = request.client_id_prefix.clone();
    Ok(ClientFilter { id_prefix, permissions, disabled_only: request.disabled_only })
}

/// # Errors
/// `InvalidRequest` for values beyond their limits; `NotFound` for text that names no client.
pub(super) fn rotate(request: v1::RotateClientSecretRequest) -> Result<RotateSecret, Error> {
    let id = names::client_id(&request.client_id)?;
    let previous_ttl = fields::duration("previous_ttl", request.previous_ttl)?;
    let secret = NewClientSecret {
        chosen: chosen(request.client_secret),
        ttl: lifetime(request.secret_ttl)?,
        previous_ttl: previous_ttl.unwrap_or(DEFAULT_SECRET_OVERLAP),
    };
    Ok(RotateSecret {
        id,
        secret,
        request_id: convert::request_id(&request.request_id)?,
        expected: names::expected("etag", &request.etag)?,
        no_administrator: no_administrator(request.allow_no_administrator),
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

/// The secret of the one answer that shows it.
pub(super) fn shown(secret: Option<&Secret>) -> String {
    secret.map(|secret| secret.expose().to_owned()).unwrap_or_default()
}
