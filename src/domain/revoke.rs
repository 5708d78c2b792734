//! The transition that ends a grant, or one access token of it (RFC 7009).

use super::{
    cause::Cause,
    client_id::ClientId,
    error::Error,
    grant::{EndCause, Generation, Grant},
    key_ring::ServerKey,
    presented_token::PresentedToken,
    time::Timestamp,
    token::TokenKind,
};

/// Extent of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeScope {
    /// The grant with every token of it.
    WholeGrant,
    /// The access tokens named by the token presented; its refresh token stays good.
    AccessTokenOnly,
}

/// Decision about a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// Replace the record by one compare-and-swap, then answer.
    Write(Box<Grant>),
    /// Nothing is left to write; answer.
    Nothing,
    /// The token was never made for this grant; answer.
    Unknown,
    /// Another client's token: it stays alive.
    Refuse(Error),
}

/// Result of a revocation. Either way the token is inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It took something: the grant, or access tokens of it.
    Now,
    /// There was nothing left to take.
    Before,
    /// No grant has such a token: it was never made, or its grant was freed.
    Unknown,
}

/// Decides what `client` revoking `token`, which names `grant`, does. Any token that this service
/// ever made for the grant will do, expired and rotated-out ones too.
///
/// `key` is the key that `token` names, if the ring holds it.
pub fn revoke(
    grant: &Grant,
    token: &PresentedToken,
    client: &ClientId,
    scope: RevokeScope,
    key: Option<&ServerKey>,
    now: Timestamp,
) -> Revoke {
    let ours = grant.generation_of(token).is_some() || token.is_genuine(key);
    if !ours {
        return Revoke::Unknown;
    }
    if grant.client_id != *client {
        return Revoke::Refuse(Error::InvalidGrant(Cause::WrongClient));
    }
    if grant.end.is_some() {
        return Revoke::Nothing;
    }
    match scope {
        RevokeScope::WholeGrant => Revoke::Write(Box::new(grant.ended(EndCause::Revoked, now))),
        // The access token beside it was replaced too.
        RevokeScope::AccessTokenOnly if grant.was_replaced_by_repeat(token) => Revoke::Nothing,
        RevokeScope::AccessTokenOnly => without_access(grant, token),
    }
}

/// Clears the access token presented, or both live ones when a refresh token is. Closes the retry
/// window if a retry would bring back what is cleared; the access token that was rotated out leaves
/// it open.
fn without_access(grant: &Grant, token: &PresentedToken) -> Revoke {
    let cleared = |generation: &Generation| {
        let presented = generation.access.hash.is_some_and(|hash| token.is_recorded_as(&hash));
        let named = token.kind() == TokenKind::Refresh || presented;
        let mut generation = generation.clone();
        if named {
            generation.access.hash = None;
        }
        generation
    };
    let mut next = Grant {
        current: cleared(&grant.current),
        previous: grant.previous.as_deref().map(cleared).map(Box::new),
        ..grant.clone()
    };
    if next.current.access.hash.is_none() {
        next.salt = None;
    }
    let had_hashes = |grant: &Grant| {
        let previous = grant.previous.as_ref().and_then(|generation| generation.access.hash);
        [grant.current.access.hash, previous]
    };
    if had_hashes(&next) == had_hashes(grant) {
        return Revoke::Nothing;
    }
    Revoke::Write(Box::new(next))
}
