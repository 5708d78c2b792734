//! The answer to a successful issue or refresh.

use std::time::Duration;

use crate::domain::{
    grant::Grant, grant_id::GrantId, pair::TokenPair, scopes::Scopes, secret::Secret,
    time::Timestamp,
};

/// A pair of tokens and what goes with it. This answer is the only place that ever holds them.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For services.
    pub access_token: Secret,
    /// Rest of the access token's life, in whole seconds: at least one.
    pub expires_in: Duration,
    /// From when on the access token is refused.
    pub expire_time: Timestamp,
    /// For the next pair, with its own end; for clients that may refresh.
    pub refresh: Option<(Secret, Timestamp)>,
    /// Scopes of the access token.
    pub scopes: Scopes,
    /// The grant's handle, safe to log.
    pub grant_id: GrantId,
    /// True if it came of another token by exchange: the answer has `issued_token_type` (RFC 8693 §2.2.1).
    pub exchanged: bool,
}

impl Tokens {
    /// The answer for the current generation of `grant`, which `pair` is.
    pub(in crate::service) fn new(grant: &Grant, pair: &TokenPair, now: Timestamp) -> Self {
        let current = &grant.current;
        let refresh = pair.refresh.as_ref().zip(current.refresh.as_ref());
        // A clock that is behind the one that made the pair adds nothing to its life.
        let left = current.access.expire_time.since(now.max(current.issue_time));
        Self {
            access_token: pair.access.to_text(),
            expires_in: Duration::from_secs(left.as_secs()),
            expire_time: current.access.expire_time,
            refresh: refresh.map(|(token, slot)| (token.to_text(), slot.expire_time)),
            scopes: grant.scopes_of(&current.access).clone(),
            grant_id: grant.id,
            exchanged: grant.delegation.is_some(),
        }
    }
    /// The same with the signed access token, if there is one.
    pub(super) fn signed(self, signed: Option<Secret>) -> Self {
        match signed {
            Some(access_token) => Self { access_token, ..self },
            None => self,
        }
    }
}
