//! Reads the fields of a client that can be changed, each by its name in an update mask.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use super::names::refused;
use crate::{
    domain::{
        attributes::Attributes,
        audience::Audience,
        certificate::CertificateIdentity,
        client::{GrantLimit, IntrospectReach, Lifetimes, Permissions, WhenFull},
        client_edit::ClientEdit,
        error::Error,
        grant_type::{GrantType, GrantTypes},
        request_limit::RequestLimit,
        scopes::Scopes,
    },
    proto::v1,
};

/// Every field that can be changed.
pub(super) const CHANGEABLE: [&str; 14] = [
    "grant_types",
    "scopes",
    "allowed_scopes",
    "audience",
    "access_token_ttl",
    "refresh_token_ttl",
    "grant_ttl",
    "grant_limit",
    "request_limit",
    "certificates",
    "introspect",
    "permissions",
    "attributes",
    "disabled",
];

/// Nothing here outlives a century; longer is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The value of one field. What is absent is the default.
///
/// # Errors
/// `InvalidRequest` for a value beyond its limits, and for a name that is none of [`CHANGEABLE`].
pub(super) fn edit(field: &str, client: &v1::Client) -> Result<ClientEdit, Error> {
    let standard = Lifetimes::default();
    Ok(match field {
        "grant_types" => ClientEdit::GrantTypes(grant_types(&client.grant_types)?),
        "scopes" => ClientEdit::DefaultScopes(scopes("client.scopes", &client.scopes)?),
        "allowed_scopes" => {
            ClientEdit::AllowedScopes(scopes("client.allowed_scopes", &client.allowed_scopes)?)
        }
        "audience" => ClientEdit::Audience(audience(&client.audience)?),
        "access_token_ttl" => ClientEdit::AccessTtl(
            duration("client.access_token_ttl", client.access_token_ttl)?
                .unwrap_or(standard.access),
        ),
        "refresh_token_ttl" => ClientEdit::RefreshTtl(
            duration("client.refresh_token_ttl", client.refresh_token_ttl)?
                .unwrap_or(standard.refresh),
        ),
        "grant_ttl" => ClientEdit::GrantTtl(
            duration("client.grant_ttl", client.grant_ttl)?.unwrap_or(standard.grant),
        ),
        "grant_limit" => ClientEdit::GrantLimit(grant_limit(client.grant_limit)?),
        "request_limit" => ClientEdit::RequestLimit(request_limit(client.request_limit)?),
        "certificates" => ClientEdit::Certificates(certificates(&client.certificates)?),
        "introspect" => ClientEdit::Introspect(introspect(client.introspect)?),
        "permissions" => ClientEdit::Permissions(permissions(&client.permissions)?),
        "attributes" => {
            ClientEdit::Attributes(attributes("client.attributes", &client.attributes)?)
        }
        "disabled" => ClientEdit::Disabled(client.disabled),
        _ => {
            let problem = "must name fields that can be changed, of the top level";
            return Err(Error::InvalidRequest { field: "update_mask", problem });
        }
    })
}

/// A duration, zero included; `None` when it is absent.
///
/// # Errors
/// `InvalidRequest` when it is negative or longer than a century.
pub(super) fn duration(
    field: &'static str,
    given: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Error> {
    let Some(given) = given else { return Ok(None) };
    let parts = u64::try_from(given.seconds).ok().zip(u32::try_from(given.nanos).ok());
    let duration = parts
        .filter(|(seconds, nanos)| *seconds <= LONGEST.as_secs() && *nanos < 1_000_000_000)
        .map(|(seconds, nanos)| Duration::new(seconds, nanos));
    let problem = "must be 0 s to 100 years";
    duration.map(Some).ok_or(Error::InvalidRequest { field, problem })
}

/// Names and values.
///
/// # Errors
/// `InvalidRequest` beyond the limits of attributes.
pub(super) fn attributes(
    field: &'static str,
    entries: &HashMap<String, String>,
) -> Result<Attributes, Error> {
    let entries = entries.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Attributes::from_entries(entries).map_err(|invalid| refused(field, invalid))
}

fn scopes(field: &'static str, values: &[String]) -> Result<Scopes, Error> {
    let scopes = Scopes::from_values(values.iter().map(String::as_str));
    scopes.map_err(|invalid| refused(field, invalid))
}

fn audience(names: &[String]) -> Result<Audience, Error> {
    let audience = Audience::from_names(names.iter().map(String::as_str));
    audience.map_err(|invalid| refused("client.audience", invalid))
}

fn grant_types(values: &[i32]) -> Result<GrantTypes, Error> {
    let known = values.iter().map(|value| match v1::GrantType::try_from(*value) {
        Ok(v1::GrantType::Password) => Ok(GrantType::Password),
        Ok(v1::GrantType::RefreshToken) => Ok(GrantType::RefreshToken),
        Ok(v1::GrantType::ClientCredentials) => Ok(GrantType::ClientCredentials),
        Ok(v1::GrantType::Unspecified) | Err(_) => Err(unknown("client.grant_types")),
    });
    known.collect()
}

fn grant_limit(given: Option<v1::GrantLimit>) -> Result<GrantLimit, Error> {
    let Some(given) = given else { return Ok(GrantLimit::default()) };
    let max = if given.max == 0 { GrantLimit::default().max } else { given.max };
    if max > GrantLimit::MOST {
        let problem = "must be at most 1,000,000";
        return Err(Error::InvalidRequest { field: "client.grant_limit.max", problem });
    }
    let when_full = match v1::WhenFull::try_from(given.when_full) {
        Ok(v1::WhenFull::Unspecified | v1::WhenFull::EvictOldest) => WhenFull::EvictOldest,
        Ok(v1::WhenFull::Refuse) => WhenFull::Refuse,
        Err(_) => return Err(unknown("client.grant_limit.when_full")),
    };
    Ok(GrantLimit { max, when_full })
}

fn request_limit(given: Option<v1::RequestLimit>) -> Result<Option<RequestLimit>, Error> {
    let Some(given) = given else { return Ok(None) };
    if given.per_second.max(given.burst) > RequestLimit::MOST {
        let problem = "must be at most 1,000,000 each";
        return Err(Error::InvalidRequest { field: "client.request_limit", problem });
    }
    match (NonZeroU32::new(given.per_second), NonZeroU32::new(given.burst)) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::missing("client.request_limit.per_second")),
        (Some(per_second), burst) => {
            Ok(Some(RequestLimit { per_second, burst: burst.unwrap_or(per_second) }))
        }
    }
}

fn certificates(texts: &[String]) -> Result<Vec<CertificateIdentity>, Error> {
    let mut identities = Vec::new();
    for text in texts {
        let identity = CertificateIdentity::parse(text);
        let identity = identity.map_err(|invalid| refused("client.certificates", invalid))?;
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    Ok(identities)
}

fn introspect(value: i32) -> Result<IntrospectReach, Error> {
    match v1::IntrospectReach::try_from(value) {
        Ok(v1::IntrospectReach::Unspecified | v1::IntrospectReach::Own) => Ok(IntrospectReach::Own),
        Ok(v1::IntrospectReach::Audience) => Ok(IntrospectReach::Audience),
        Ok(v1::IntrospectReach::Any) => Ok(IntrospectReach::Any),
        Err(_) => Err(unknown("client.introspect")),
    }
}

fn permissions(values: &[i32]) -> Result<Permissions, Error> {
    let mut permissions = Permissions::default();
    for value in values {
        match v1::Permission::try_from(*value) {
            Ok(v1::Permission::Admin) => permissions.admin = true,
            Ok(v1::Permission::InactiveReason) => permissions.inactive_reason = true,
            Ok(v1::Permission::Unspecified) | Err(_) => {
                return Err(unknown("client.permissions"));
            }
        }
    }
    Ok(permissions)
}

/// A value of an enum that the field does not take.
pub(super) fn unknown(field: &'static str) -> Error {
    Error::InvalidRequest { field, problem: "must be known values" }
}
