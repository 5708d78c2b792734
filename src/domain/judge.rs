//! Judges a presented token against its grant's record: the heart of introspection.

use super::{
    audience::Audience,
    grant::{Generation, Grant},
    liveness::{self, ClientAndUser, InactiveReason},
    policy::RotationPolicy,
    presented_token::PresentedToken,
    scopes::Scopes,
    time::Timestamp,
    token::TokenKind,
};

/// Content of an active token, borrowed from its grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active<'a> {
    /// Scopes of the token.
    pub scopes: &'a Scopes,
    /// The services it is meant for.
    pub audience: &'a Audience,
    /// When this token was made.
    pub issue_time: Timestamp,
    /// From when on it is refused, if nothing ends it before.
    pub expire_time: Timestamp,
}

/// Judges `token`, which names `grant`.
///
/// # Errors
/// Why the token is inactive.
pub fn judge<'a>(
    grant: &'a Grant,
    token: &PresentedToken,
    parties: ClientAndUser<'_>,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Result<Active<'a>, InactiveReason> {
    let generation = grant.generation_of(token);
    liveness::check(grant, parties, now).map_err(|reason| {
        // A guess that names a real grant learns no more than any other guess.
        if generation.is_some() || token.generation() < grant.current.number {
            reason
        } else {
            InactiveReason::Unknown
        }
    })?;
    let Some(generation) = generation else {
        return Err(absent_reason(grant, token));
    };
    let expire_time = match token.kind() {
        TokenKind::Access => access_expiry(grant, generation, policy, now)?,
        TokenKind::Refresh => refresh_expiry(grant, generation)?,
    };
    if now >= expire_time {
        return Err(InactiveReason::Expired);
    }
    Ok(Active {
        scopes: match token.kind() {
            TokenKind::Access => grant.scopes_of(&generation.access),
            TokenKind::Refresh => &grant.scopes,
        },
        audience: &grant.audience,
        issue_time: generation.issue_time,
        expire_time,
    })
}

fn absent_reason(grant: &Grant, token: &PresentedToken) -> InactiveReason {
    let cleared = |generation: &Generation| {
        generation.number == token.generation()
            && token.kind() == TokenKind::Access
            && generation.access.hash.is_none()
    };
    if cleared(&grant.current) || grant.previous.as_deref().is_some_and(cleared) {
        InactiveReason::Revoked
    } else if token.generation() < grant.current.number {
        InactiveReason::Superseded
    } else {
        InactiveReason::Unknown
    }
}

/// Returns the expiry: the previous access token stays active for the overlap, never past its own
/// expiry.
fn access_expiry(
    grant: &Grant,
    generation: &Generation,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Result<Timestamp, InactiveReason> {
    let own = generation.access.expire_time;
    if generation.number == grant.current.number {
        return Ok(own);
    }
    let overlap_end = grant.current.issue_time.after(policy.access_overlap);
    let overlap_is_over = policy.access_overlap.is_zero() || now >= overlap_end;
    if overlap_is_over && now < own {
        return Err(InactiveReason::Superseded);
    }
    Ok(own.min(overlap_end))
}

fn refresh_expiry(grant: &Grant, generation: &Generation) -> Result<Timestamp, InactiveReason> {
    match &generation.refresh {
        Some(slot) if generation.number == grant.current.number => Ok(slot.expire_time),
        Some(_) => Err(InactiveReason::Superseded),
        None => Err(InactiveReason::Unknown),
    }
}
