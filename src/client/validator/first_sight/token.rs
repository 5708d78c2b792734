//! A signed access token (RFC 9068), read by the public keys of its issuer.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use prost_types::Timestamp;
use serde_json::{Map, Value};

use super::{coverage::seconds, keys::Keys};
use crate::{client::validator::memory::Signed, proto::v1::IntrospectResponse};

/// Claims with a meaning of their own; the others are attributes.
const CLAIMS: [&str; 11] =
    ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "jeton"];
/// Claims that only the server understands (RFC 7800 §3.1, RFC 8693 §4).
const FOR_THE_SERVER: [&str; 3] = ["cnf", "act", "may_act"];

/// The reason for a token that cannot be judged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// No key of the issuer made it, or it made it for something else: the token is refused.
    Forged,
    /// Its key is unknown, or its claims are: the server is asked.
    Unknown,
}

/// Verifies a token: its type, its algorithm and signature by the key that it names, and its issuer.
///
/// # Errors
/// Returns the reason for a token without facts.
pub(super) fn read(text: &str, keys: &Keys, issuer: &str) -> Result<Signed, Unread> {
    let (message, signature) = text.rsplit_once('.').ok_or(Unread::Forged)?;
    let (header, payload) = message.split_once('.').ok_or(Unread::Forged)?;
    let header = object(header).ok_or(Unread::Forged)?;
    let named = |name| header.get(name).and_then(Value::as_str).ok_or(Unread::Forged);
    // Nothing is critical here that this validator could understand (RFC 7515 §4.1.11).
    if !is_access_type(named("typ")?) || header.contains_key("crit") {
        return Err(Unread::Forged);
    }
    let (id, algorithm) = (named("kid")?, named("alg")?);
    if algorithm == "none" {
        return Err(Unread::Forged);
    }
    let key = keys.get(id).ok_or(Unread::Unknown)?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unread::Forged)?;
    if !key.verifies(algorithm, message, &signature) {
        return Err(Unread::Forged);
    }
    let claims = object(payload).ok_or(Unread::Forged)?;
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(Unread::Forged);
    }
    signed(claims).ok_or(Unread::Unknown)
}

fn signed(claims: Map<String, Value>) -> Option<Signed> {
    if FOR_THE_SERVER.iter().any(|name| claims.contains_key(*name)) {
        return None;
    }
    let text = |name: &str| Some(claims.get(name)?.as_str()?.to_owned());
    let time = |name: &str| claims.get(name)?.as_u64();
    let (issued, expires) = (time("iat")?, time("exp")?);
    let at = |seconds: u64| Some(Timestamp { seconds: seconds.try_into().ok()?, nanos: 0 });
    let scope = text("scope").unwrap_or_default();
    let mut facts = IntrospectResponse {
        client_id: text("client_id")?,
        subject: text("sub")?,
        scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
        audience: vec![text("aud")?],
        issue_time: at(issued),
        expire_time: at(expires),
        grant_id: text("sid")?,
        ..IntrospectResponse::default()
    };
    let attributes = claims.into_iter().filter(|(name, _)| !CLAIMS.contains(&&**name));
    facts.attributes =
        attributes.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
    let (issue_time, expire_time) = (seconds(issued), Duration::from_secs(expires));
    Some(Signed { facts, issue_time, expire_time })
}

/// Compares as RFC 7515 §4.1.9 has it: in any case, with or without `application/`.
fn is_access_type(typ: &str) -> bool {
    let lower = typ.to_ascii_lowercase();
    lower.strip_prefix("application/").unwrap_or(&lower) == "at+jwt"
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests;
