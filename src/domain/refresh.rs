//! The transition that rotates a grant, answers a retry, or ends the grant on a replay.
//!
//! Order comes from the generation counter, never from a clock.

use std::{cmp::Ordering, time::Duration};

use super::{
    audience::Audience,
    cause::Cause,
    client::{Client, ClientType},
    confirmation::{Confirmation, PeerCertificate, may_show},
    error::Error,
    grant::{Bindings, EndCause, Grant},
    grant_type::GrantType,
    issue::check_grant_type,
    key_ring::{KeyRing, Salt, ServerKey},
    liveness::{self, ClientAndUser},
    pair::TokenPair,
    policy::RotationPolicy,
    presented_token::PresentedToken,
    scopes::Scopes,
    signing_times::DueSignature,
    time::Timestamp,
    token::{Token, TokenKind},
};

/// A client's request to refresh.
#[derive(Clone, Copy, Debug)]
pub struct RefreshRequest<'a> {
    /// The token presented; it names the grant.
    pub token: &'a Token,
    /// Narrows the new access token; empty: all that was granted.
    pub scopes: &'a Scopes,
    /// Services that the new access token is asked for (RFC 8707 §2.2); empty: those of the grant.
    pub audience: &'a Audience,
    /// Client that presents the token.
    pub client: &'a Client,
    /// Certificate of the connection.
    pub certificate: Option<&'a PeerCertificate>,
    /// Drawn for this rotation; written with it.
    pub salt: Salt,
    /// The signature of the access token, if a signed one is due: see [`Client::signs`].
    pub signed_by: Option<DueSignature>,
    /// Time since the grant's last rotation, unaffected by changes of the clock.
    pub since_rotation: Duration,
}

/// Decision about a refresh.
#[derive(Clone, Debug)]
pub enum Refresh {
    /// Replace the record by one compare-and-swap, then answer the pair.
    Rotate {
        /// The grant, one generation on.
        grant: Box<Grant>,
        /// Its new pair.
        pair: TokenPair,
    },
    /// Write nothing; answer the pair that the record's current generation already is.
    Repeat {
        /// The pair, derived again.
        pair: TokenPair,
    },
    /// Replace the record to end the grant, then answer `InvalidGrant`. While the write has not
    /// succeeded the answer is `Unavailable`: the thief must not learn more than the owner.
    End {
        /// The grant, ended.
        grant: Box<Grant>,
    },
    /// Write nothing.
    Refuse(Error),
}

impl Refresh {
    const fn no_good(cause: Cause) -> Self {
        Self::Refuse(Error::InvalidGrant(cause))
    }
}

/// Decides what presenting `request.token` does to `grant`, which it names. That the client may
/// refresh at all was checked before.
pub fn refresh(
    grant: &Grant,
    request: RefreshRequest<'_>,
    parties: ClientAndUser<'_>,
    keys: &KeyRing,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Refresh {
    let token = request.token;
    if grant.client_id != request.client.id {
        return Refresh::no_good(Cause::WrongClient);
    }
    if token.kind != TokenKind::Refresh {
        return Refresh::no_good(Cause::WrongKind);
    }
    if let Err(reason) = liveness::check(grant, parties, now) {
        return Refresh::no_good(reason.cause(grant, parties));
    }
    // The client's present rights: the record by which the caller authenticated can be older.
    let client = parties.client.unwrap_or(request.client);
    if let Err(error) = check_grant_type(GrantType::RefreshToken, client) {
        return Refresh::Refuse(error);
    }
    let public = client.client_type == ClientType::Public;
    if public && !may_show(held_by(grant, token), request.certificate) {
        return Refresh::no_good(Cause::WrongHolder);
    }
    let Some(token_key) = keys.get(token.key_id) else {
        return Refresh::Refuse(Error::UNAVAILABLE);
    };
    let presented = PresentedToken::from(token.clone());
    let recorded = grant.generation_of(&presented).is_some();
    match token.generation.cmp(&grant.current.number) {
        Ordering::Equal if recorded => {
            rotate(grant, RefreshRequest { client, ..request }, keys.active(), now)
        }
        Ordering::Less if recorded => {
            match RetryWindow::of(grant, request.since_rotation, policy, now) {
                RetryWindow::Open => repeat(grant, request, keys, now),
                RetryWindow::Untold => Refresh::no_good(Cause::Superseded),
                RetryWindow::Over => end(grant, EndCause::Replayed, now),
            }
        }
        _ if !token.is_genuine(token_key) => Refresh::no_good(Cause::Forged),
        _ if grant.was_replaced_by_repeat(&presented) => Refresh::no_good(Cause::Superseded),
        Ordering::Less => end(grant, EndCause::Replayed, now),
        // A genuine token of a later generation, or of this one with another secret: the store was
        // rolled back.
        Ordering::Equal | Ordering::Greater => end(grant, EndCause::StoreWentBack, now),
    }
}

/// Returns the confirmation of a public client's refresh token (RFC 8705 §4). One that was rotated out has that
/// of its own pair where the record still has it.
fn held_by<'a>(grant: &'a Grant, token: &Token) -> Option<&'a Confirmation> {
    let before = token.generation.checked_add(1) == Some(grant.current.number);
    if before { grant.bindings.previous() } else { grant.bindings.current() }
}

/// Returns the grant within the present rights of `client`.
fn cut_to(grant: &Grant, client: &Client) -> Result<Grant, Error> {
    let scopes = grant.scopes.cut_to(&client.allowed_scopes);
    if scopes.is_empty() && !grant.scopes.is_empty() {
        return Err(Error::InvalidScope);
    }
    let audience = grant.audience.cut_to(&client.audience);
    if audience.is_empty() && !grant.audience.is_empty() {
        return Err(Error::InvalidTarget);
    }
    let mut cut = Grant { scopes, audience, ..grant.clone() };
    if cut.scopes != grant.scopes {
        // An issued access token keeps its own scopes.
        cut.current.access.scopes.get_or_insert_with(|| Box::new(grant.scopes.clone()));
    }
    Ok(cut)
}

fn rotate(grant: &Grant, request: RefreshRequest<'_>, key: &ServerKey, now: Timestamp) -> Refresh {
    let refresh = grant.current.refresh.as_ref();
    if refresh.is_none_or(|slot| now >= slot.expire_time) {
        return Refresh::no_good(Cause::Expired);
    }
    let cut = match cut_to(grant, request.client) {
        Ok(cut) => cut,
        Err(error) => return Refresh::Refuse(error),
    };
    let grant = &cut;
    if !request.scopes.is_within(&grant.scopes) {
        return Refresh::Refuse(Error::InvalidScope);
    }
    if !may_ask(grant, request.audience) {
        return Refresh::Refuse(Error::InvalidTarget);
    }
    let confirmation = match Confirmation::due(request.client.bound_to, request.certificate) {
        Ok(confirmation) => confirmation,
        Err(error) => return Refresh::Refuse(error),
    };
    let Some(number) = grant.current.number.checked_add(1) else {
        return Refresh::no_good(Cause::Expired);
    };
    let pair = TokenPair::next(request.token, number, key, &request.salt);
    let narrowed = narrowed(grant, request.scopes);
    let lifetimes = &request.client.lifetimes;
    let longest = request.signed_by.map(|due| due.longest.0);
    let current = pair.record(lifetimes, longest, narrowed, grant.expire_time, now);
    if !current.access.is_worth_answering(now) {
        return Refresh::no_good(Cause::Expired);
    }
    let grant = Grant {
        current,
        previous: Some(Box::new(grant.current.clone())),
        salt: Some(Box::new(request.salt)),
        signed_by: request.signed_by.map(|due| Box::new(due.key)),
        bindings: Bindings::new(confirmation, grant.bindings.current().cloned()),
        ..grant.clone()
    };
    Refresh::Rotate { grant: Box::new(grant), pair }
}

/// State of a retry with the immediately preceding refresh token. A retry becomes a replay by
/// elapsed time since the rotation, never by a changed clock.
enum RetryWindow {
    /// The same pair is answered.
    Open,
    /// It is unknown whether this is a replay, and the pair cannot be returned.
    Untold,
    /// It is a replay.
    Over,
}

impl RetryWindow {
    fn of(grant: &Grant, since: Duration, policy: &RotationPolicy, now: Timestamp) -> Self {
        let (rotated, window) = (grant.current.issue_time, policy.retry_window);
        // To a clock that is behind the rotation no time has passed.
        if since >= window {
            Self::Over
        } else if rotated.since(now) > window || grant.salt.is_none() {
            // A clock so far behind proves nothing. The revocation of the access token has removed
            // the salt and so given up the pair.
            Self::Untold
        } else {
            Self::Open
        }
    }
}

fn repeat(grant: &Grant, request: RefreshRequest<'_>, keys: &KeyRing, now: Timestamp) -> Refresh {
    let same_scopes = if request.scopes.is_empty() {
        grant.current.access.scopes.is_none()
    } else {
        request.scopes.same_as(grant.scopes_of(&grant.current.access))
    };
    if !same_scopes {
        return Refresh::Refuse(Error::InvalidRequest {
            field: "scopes",
            problem: "a retry must ask for the same scopes",
        });
    }
    if !may_ask(grant, request.audience) {
        return Refresh::Refuse(Error::InvalidTarget);
    }
    // A late retry gains nothing from a pair whose access token has expired.
    if !grant.current.access.is_worth_answering(now) {
        return Refresh::no_good(Cause::Expired);
    }
    // The recorded key, not the active one: a rotation of keys between the two calls changes nothing.
    let Some((key, salt)) = keys.get(grant.current.key_id).zip(grant.salt.as_deref()) else {
        return Refresh::Refuse(Error::UNAVAILABLE);
    };
    let pair = TokenPair::next(request.token, grant.current.number, key, salt);
    Refresh::Repeat { pair }
}

/// Returns whether a refresh may name these services. All access tokens of a grant have its audience:
/// an answer for fewer services than were asked, or for more, would not be the token that was asked.
fn may_ask(grant: &Grant, audience: &Audience) -> bool {
    audience.is_empty()
        || (audience.is_within(&grant.audience) && grant.audience.is_within(audience))
}

/// `None` when everything granted is asked, so that the common record stays small.
fn narrowed(grant: &Grant, scopes: &Scopes) -> Option<Scopes> {
    let all = scopes.is_empty() || scopes.same_as(&grant.scopes);
    (!all).then(|| scopes.clone())
}

fn end(grant: &Grant, cause: EndCause, now: Timestamp) -> Refresh {
    Refresh::End { grant: Box::new(grant.ended(cause, now)) }
}
