//! A signed JWT in its compact form (RFC 7515 §3.1, RFC 7519 §7.2), taken apart within bounds.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{key::MAX_ID_BYTES, key_set::KeySet, object};
use crate::domain::{
    algorithm::Algorithm, cause::Cause, claim_texts::ClaimTexts, claims::Claims, secret::Secret,
    time::Timestamp,
};

/// Longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Refusal of text that is no JWT as it has to be.
const UNREADABLE: Cause = Cause::UnreadableAssertion;

/// Most keys that are tried for one token: each costs a verification.
const MAX_TRIES: usize = 8;

/// JWT whose signature is yet to be verified. Nothing that its header names is used but `alg` and
/// `kid`: keys and URLs in it (`jwk`, `jku`, `x5c`, `x5u`) are the sender's choice.
pub struct SignedToken<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Claims,
    payload: Map<String, Value>,
    message: &'a str,
    signature: &'a str,
}

impl<'a> SignedToken<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `UnreadableAssertion` for text that is no signed JWT of at most [`MAX_TOKEN_BYTES`], that has
    /// a member twice, a `crit` header, a `kid` beyond 256 bytes, or a claim of a wrong type.
    /// `WrongAlgorithm` for `none`, HMAC and unknown ones.
    pub fn parse(token: &'a Secret) -> Result<Self, Cause> {
        let text = token.expose();
        if text.len() > MAX_TOKEN_BYTES {
            return Err(UNREADABLE);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(UNREADABLE)?;
        let (header, payload) = message.split_once('.').ok_or(UNREADABLE)?;
        if payload.contains('.') {
            return Err(UNREADABLE);
        }
        let header = decoded(header)?;
        let key_id = text_member(&header, "kid")?.map(str::to_owned);
        let is_long = key_id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES);
        // Nothing is critical here that this server could understand (RFC 7515 §4.1.11).
        if is_long || header.contains_key("crit") {
            return Err(UNREADABLE);
        }
        let algorithm = text_member(&header, "alg")?.ok_or(UNREADABLE)?;
        let algorithm = Algorithm::named(algorithm).ok_or(Cause::WrongAlgorithm)?;
        let payload = decoded(payload)?;
        let mut claims = claims(&payload)?;
        claims.media_type = text_member(&header, "typ")?.map(str::to_owned);
        Ok(Self { algorithm, key_id, claims, payload, message, signature })
    }

    /// `iss`, which nothing vouches for yet.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.issuer.as_deref()
    }

    /// The party that the token is of by its own words alone: `iss`, where `sub` is the same (RFC 7523 §3).
    /// Nothing vouches for it yet.
    pub fn names_itself(&self) -> Option<&str> {
        self.claims
            .issuer
            .as_deref()
            .filter(|issuer| self.claims.subject.as_deref() == Some(issuer))
    }

    /// The text that was signed.
    pub fn message(&self) -> &str {
        self.message
    }

    /// All claims as texts. Nothing vouches for them before [`Self::verify`].
    pub fn claim_texts(&self) -> ClaimTexts {
        let mut texts = ClaimTexts::default();
        add_texts(&mut texts, "", &self.payload);
        texts
    }

    /// Returns whether its header names the key that made the signature.
    pub fn names_key(&self) -> bool {
        self.key_id.is_some()
    }

    /// Returns whether a key of the set is of its algorithm, and not of another name than its header has.
    pub fn can_be_of(&self, keys: &KeySet) -> bool {
        keys.candidates(self.key_id.as_deref(), self.algorithm).next().is_some()
    }

    /// Verifies the signature and returns the claims, which the caller judges.
    ///
    /// # Errors
    /// `WrongAlgorithm` for one that is not among `allowed`; `UnknownKey` if no key of the set can have
    /// made the signature, `WrongSignature` if none did.
    pub fn verify(&self, keys: &KeySet, allowed: &[Algorithm]) -> Result<Claims, Cause> {
        if !allowed.contains(&self.algorithm) {
            return Err(Cause::WrongAlgorithm);
        }
        let mut refusal = Cause::UnknownKey;
        for key in keys.candidates(self.key_id.as_deref(), self.algorithm).take(MAX_TRIES) {
            if key.verifies(self.algorithm, self.message, self.signature) {
                return Ok(self.claims.clone());
            }
            refusal = Cause::WrongSignature;
        }
        Err(refusal)
    }
}

/// Verifies a token with the keys of one owner, like a client's own, and returns its claims, which the
/// caller judges.
///
/// # Errors
/// As [`SignedToken::parse`] and [`SignedToken::verify`].
pub fn verify(token: &Secret, keys: &KeySet, allowed: &[Algorithm]) -> Result<Claims, Cause> {
    SignedToken::parse(token)?.verify(keys, allowed)
}

impl fmt::Debug for SignedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(…)")
    }
}

pub(super) fn decoded(part: &str) -> Result<Map<String, Value>, Cause> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| UNREADABLE)?;
    object::read(&Zeroizing::new(json)).ok_or(UNREADABLE)
}

fn claims(members: &Map<String, Value>) -> Result<Claims, Cause> {
    let text = |name| Ok(text_member(members, name)?.map(str::to_owned));
    Ok(Claims {
        media_type: None,
        issuer: text("iss")?,
        subject: text("sub")?,
        audience: audience(members)?,
        expire_time: time(members, "exp")?,
        not_before: time(members, "nbf")?,
        issue_time: time(members, "iat")?,
        id: text("jti")?,
        account_uid: account_uid(members),
    })
}

/// Adds the members of an object, and then those of the objects in it, by their paths.
fn add_texts(texts: &mut ClaimTexts, path: &str, members: &Map<String, Value>) {
    for (name, value) in members {
        let found = match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(values) => {
                values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        };
        texts.add(format!("{path}{name}"), found);
    }
    for (name, value) in members {
        if let Value::Object(inner) = value {
            add_texts(texts, &format!("{path}{name}."), inner);
        }
    }
}

/// A member that is a text, if it is there.
fn text_member<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Cause> {
    members.get(name).map(|value| value.as_str().ok_or(UNREADABLE)).transpose()
}

/// `aud`: a text or a list of texts (RFC 7519 §4.1.3).
fn audience(members: &Map<String, Value>) -> Result<Vec<String>, Cause> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(UNREADABLE);
    match members.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(only) => Ok(vec![text(only)?]),
    }
}

/// A `NumericDate`: seconds since the epoch, possibly with a fraction (RFC 7519 §2).
fn time(members: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Cause> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let since_epoch = if let Some(seconds) = value.as_u64() {
        Duration::from_secs(seconds)
    } else {
        let seconds = value.as_f64().ok_or(UNREADABLE)?;
        Duration::try_from_secs_f64(seconds).map_err(|_| UNREADABLE)?
    };
    Ok(Some(Timestamp::from_millis(0).after(since_epoch)))
}

/// The uid of the account that a Kubernetes token is for.
fn account_uid(members: &Map<String, Value>) -> Option<String> {
    let account = members.get("kubernetes.io")?.get("serviceaccount")?;
    account.get("uid")?.as_str().map(str::to_owned)
}
