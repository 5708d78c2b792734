//! The fields of a client: reads those that can be changed, and writes all.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use super::{
    enum_value::EnumValue,
    mask::Mask,
    names::{self, refused},
};
use crate::{
    domain::{
        access_format::{AccessTokenFormat, JwtAttributes},
        attributes::Attributes,
        audience::Audience,
        certificate::CertificateIdentity,
        client::{Client, GrantLimit, IntrospectReach, Lifetimes, Permissions, WhenFull},
        client_identity::ClientIdentity,
        client_key::ClientKey,
        client_patch::ClientPatch,
        client_secret::{ClientSecret, StoredSecret},
        confirmation::BoundTo,
        error::Error,
        grant_type::{GrantType, GrantTypes},
        permission::Permission,
        request_limit::RequestLimit,
        scopes::Scopes,
        time::{LONGEST_DURATION, Timestamp},
    },
    grpc::convert::{self, timestamp},
    proto::v1,
    store::Stored,
};

/// Returns the values of the fields in `mask`. An absent field has its default. Lives of keys begin `now`.
///
/// # Errors
/// `InvalidRequest` for a value beyond its limits, and for a field that cannot be changed.
pub(super) fn patch(
    mut mask: Mask,
    client: &v1::Client,
    now: Timestamp,
) -> Result<ClientPatch, Error> {
    let standard = Lifetimes::default();
    let access_token_format = AccessTokenFormat::read_or(
        "client.access_token_format",
        client.access_token_format,
        AccessTokenFormat::Opaque,
    );
    let format = access_token_format.clone().unwrap_or_default();
    let standard_access = Lifetimes::standard_access(format);
    let ttl = |field, given, standard| Ok(duration(field, given)?.unwrap_or(standard));
    let grant_limit = mask.read("grant_limit", || grant_limit(client.grant_limit))?;
    let patch = ClientPatch {
        grant_types: mask.read("grant_types", || grant_types(&client.grant_types))?,
        default_scopes: mask.read("scopes", || scopes("client.scopes", &client.scopes))?,
        allowed_scopes: mask
            .read("allowed_scopes", || scopes("client.allowed_scopes", &client.allowed_scopes))?,
        audience: mask.read("audience", || audience("client.audience", &client.audience))?,
        access_token_ttl: mask.read("access_token_ttl", || {
            ttl("client.access_token_ttl", client.access_token_ttl, standard_access)
        })?,
        refresh_token_ttl: mask.read("refresh_token_ttl", || {
            ttl("client.refresh_token_ttl", client.refresh_token_ttl, standard.refresh)
        })?,
        grant_ttl: mask
            .read("grant_ttl", || ttl("client.grant_ttl", client.grant_ttl, standard.grant))?,
        max_grants: grant_limit.map(|limit| limit.max),
        when_full: grant_limit.map(|limit| limit.when_full),
        request_limit: mask.read("request_limit", || request_limit(client.request_limit))?,
        certificates: mask.read("certificates", || certificates(&client.certificates))?,
        identities: mask.read("identities", || identities(&client.identities))?,
        keys: mask.read("keys", || keys(&client.keys, now))?,
        access_token_format: mask.read("access_token_format", || access_token_format)?,
        jwt_attributes: mask.read("jwt_attributes", || jwt_attributes(&client.jwt_attributes))?,
        may_exchange_to: mask.read("may_exchange_to", || {
            audience("client.may_exchange_to", &client.may_exchange_to)
        })?,
        may_act: mask.read("may_act", || audience("client.may_act", &client.may_act))?,
        bound_to: mask.read("bound_to", || match client.bound_to {
            0 => Ok(None),
            number => BoundTo::read("client.bound_to", number).map(Some),
        })?,
        introspect: mask.read("introspect", || {
            IntrospectReach::read_or("client.introspect", client.introspect, IntrospectReach::Own)
        })?,
        permissions: mask.read("permissions", || permissions(&client.permissions))?,
        attributes: mask
            .read("attributes", || attributes("client.attributes", &client.attributes))?,
        disabled: mask.read("disabled", || Ok(client.disabled))?,
        removes_secrets: mask.names("secrets"),
    };
    if patch.removes_secrets && !client.secrets.is_empty() {
        let problem = "can only be emptied: RotateClientSecret gives a client a secret";
        return Err(Error::InvalidRequest { field: "client.secrets", problem });
    }
    mask.finish("must name fields that can be changed, of the top level")?;
    Ok(patch)
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
        .filter(|(seconds, nanos)| *seconds <= LONGEST_DURATION.as_secs() && *nanos < 1_000_000_000)
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

fn audience(field: &'static str, names: &[String]) -> Result<Audience, Error> {
    let audience = Audience::from_names(names.iter().map(String::as_str));
    audience.map_err(|invalid| refused(field, invalid))
}

fn jwt_attributes(names: &[String]) -> Result<JwtAttributes, Error> {
    let names = JwtAttributes::from_names(names.iter().map(String::as_str));
    names.map_err(|invalid| refused("client.jwt_attributes", invalid))
}

fn grant_types(numbers: &[i32]) -> Result<GrantTypes, Error> {
    numbers.iter().map(|number| GrantType::read("client.grant_types", *number)).collect()
}

fn grant_limit(given: Option<v1::GrantLimit>) -> Result<GrantLimit, Error> {
    let Some(given) = given else { return Ok(GrantLimit::default()) };
    let max = if given.max == 0 { GrantLimit::default().max } else { given.max };
    if max > GrantLimit::MOST {
        let problem = "must be at most 1,000,000";
        return Err(Error::InvalidRequest { field: "client.grant_limit.max", problem });
    }
    let field = "client.grant_limit.when_full";
    let when_full = WhenFull::read_or(field, given.when_full, WhenFull::EvictOldest)?;
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
    let identities = CertificateIdentity::parse_all(texts.iter().map(String::as_str));
    identities.map_err(|invalid| refused("client.certificates", invalid))
}

fn identities(given: &[v1::ClientIdentity]) -> Result<Vec<ClientIdentity>, Error> {
    let mut identities = Vec::new();
    for v1::ClientIdentity { issuer, subject, uid } in given {
        let identity = ClientIdentity::new(issuer, subject, uid)
            .map_err(|invalid| refused("client.identities", invalid))?;
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    Ok(identities)
}

fn keys(given: &[v1::ClientKey], now: Timestamp) -> Result<Vec<ClientKey>, Error> {
    const FIELD: &str = "client.keys";
    let keys = given.iter().map(|given| {
        let mut keys =
            ClientKey::parse_all(&given.jwk).map_err(|invalid| refused(FIELD, invalid))?;
        let (Some(key), true) = (keys.pop(), keys.is_empty()) else {
            let problem = "must have one key in each jwk";
            return Err(Error::InvalidRequest { field: FIELD, problem });
        };
        let end = given.expire_time.map(moment).transpose()?;
        let life = duration("client.keys.ttl", given.ttl)?.map(|ttl| now.after(ttl));
        let expire_time = end.into_iter().chain(life).min();
        if expire_time.is_some_and(|end| end <= now) {
            let problem = "must have keys that have not expired";
            return Err(Error::InvalidRequest { field: FIELD, problem });
        }
        Ok(ClientKey { expire_time, ..key })
    });
    keys.collect()
}

/// # Errors
/// `InvalidRequest` for a time before 1970 or beyond what a record can hold.
fn moment(given: prost_types::Timestamp) -> Result<Timestamp, Error> {
    let seconds = u64::try_from(given.seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
    let millis = u64::try_from(given.nanos).ok().map(|nanos| nanos / 1_000_000);
    let time = seconds.zip(millis).and_then(|(seconds, millis)| seconds.checked_add(millis));
    let problem = "must have an expire_time after 1970";
    let field = "client.keys.expire_time";
    time.map(Timestamp::from_millis).ok_or(Error::InvalidRequest { field, problem })
}

fn permissions(values: &[i32]) -> Result<Permissions, Error> {
    values.iter().map(|value| Permission::read("client.permissions", *value)).collect()
}

/// A client, with those of its secrets and keys that are live at `now`.
pub(super) fn message(client: &Stored<Client>, now: Timestamp) -> v1::Client {
    let grant_types = GrantType::ALL.into_iter().filter(|each| client.grant_types.contains(*each));
    let grant_limit = v1::GrantLimit {
        max: client.grant_limit.max,
        when_full: client.grant_limit.when_full.number(),
    };
    let attributes = client.attributes.entries();
    let live = client.secrets.iter().filter(|secret| secret.is_live(now));
    v1::Client {
        client_id: client.id.to_string(),
        client_type: client.client_type.number(),
        grant_types: grant_types.map(EnumValue::number).collect(),
        scopes: client.default_scopes.values().map(str::to_owned).collect(),
        allowed_scopes: client.allowed_scopes.values().map(str::to_owned).collect(),
        audience: client.audience.names().map(str::to_owned).collect(),
        access_token_ttl: Some(convert::duration(client.lifetimes.access)),
        refresh_token_ttl: Some(convert::duration(client.lifetimes.refresh)),
        grant_ttl: Some(convert::duration(client.lifetimes.grant)),
        grant_limit: Some(grant_limit),
        request_limit: client.request_limit.map(|limit| v1::RequestLimit {
            per_second: limit.per_second.get(),
            burst: limit.burst.get(),
        }),
        certificates: client.certificates.iter().map(ToString::to_string).collect(),
        identities: client.identities.iter().map(identity).collect(),
        keys: client.live_keys(now).map(key).collect(),
        access_token_format: client.access_token_format.number(),
        jwt_attributes: client.jwt_attributes.names().map(str::to_owned).collect(),
        may_exchange_to: client.may_exchange_to.names().map(str::to_owned).collect(),
        may_act: client.may_act.names().map(str::to_owned).collect(),
        bound_to: client.bound_to.map(EnumValue::number).unwrap_or_default(),
        introspect: client.introspect.number(),
        permissions: client.permissions.iter().map(EnumValue::number).collect(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        disabled: client.disabled,
        secrets: live.map(secret).collect(),
        create_time: Some(timestamp(client.create_time)),
        update_time: Some(timestamp(client.update_time)),
        etag: names::etag(client.version()),
    }
}

fn identity(identity: &ClientIdentity) -> v1::ClientIdentity {
    v1::ClientIdentity {
        issuer: identity.issuer.to_string(),
        subject: identity.subject.to_string(),
        uid: identity.uid.as_deref().unwrap_or_default().to_owned(),
    }
}

fn key(key: &ClientKey) -> v1::ClientKey {
    v1::ClientKey {
        jwk: key.to_jwk(),
        expire_time: key.expire_time.map(timestamp),
        thumbprint: key.key.thumbprint(),
        ttl: None,
    }
}

fn secret(secret: &ClientSecret) -> v1::ClientSecret {
    v1::ClientSecret {
        create_time: Some(timestamp(secret.create_time)),
        expire_time: secret.expire_time.map(timestamp),
        generated: matches!(secret.stored, StoredSecret::Generated(_)),
    }
}
