//! The grant record: everything that one `IssueToken` call ever leads to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    audience::Audience,
    cause::Cause,
    client_id::ClientId,
    confirmation::Confirmation,
    delegation::{Delegates, Delegation},
    epoch::Epoch,
    grant_id::GrantId,
    key_ring::{KeyId, Salt},
    presented_token::PresentedToken,
    scopes::Scopes,
    signing_key_id::SigningKeyId,
    subject::Subject,
    time::Timestamp,
    token::{TokenHash, TokenKind},
};

/// The access token of one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSlot {
    /// `None` once the access token alone was revoked.
    pub hash: Option<TokenHash>,
    /// From when on it is refused.
    pub expire_time: Timestamp,
    /// Scopes of the token; `None` for all scopes of the grant.
    pub scopes: Option<Box<Scopes>>,
}

impl AccessSlot {
    /// The shortest life that is answered. The wire counts it in whole seconds, and clients read 0
    /// as "never expires".
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// Returns whether enough of the access token's life is left at `now` for an answer.
    pub fn is_worth_answering(&self, now: Timestamp) -> bool {
        self.expire_time.since(now) >= Self::SHORTEST
    }
}

/// The refresh token of one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshSlot {
    /// Hash by which the token is recognised.
    pub hash: TokenHash,
    /// Time from which it is refused; each rotation restarts the idle time.
    pub expire_time: Timestamp,
}

/// One pair of tokens of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Number of earlier rotations.
    pub number: u32,
    /// The key that derived and tagged the pair.
    pub key_id: KeyId,
    /// When the pair was made.
    pub issue_time: Timestamp,
    /// Its access token.
    pub access: AccessSlot,
    /// Its refresh token, for clients that may refresh.
    pub refresh: Option<Box<RefreshSlot>>,
}

/// Causes for which a grant's own record ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndCause {
    /// Its client or an administrator asked for it.
    Revoked,
    /// A refresh token that was rotated out came back outside the retry window: somebody has a
    /// copy (RFC 9700 §2.2.2).
    Replayed,
    /// A genuine token that this record cannot have made: the store went back in time.
    StoreWentBack,
    /// Pushed out by newer grants of the same subject and client.
    Evicted,
}

impl EndCause {
    /// The same among all causes.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Revoked => Cause::Revoked,
            Self::Replayed => Cause::Replayed,
            Self::StoreWentBack => Cause::StoreWentBack,
            Self::Evicted => Cause::Evicted,
        }
    }
}

/// When and why a grant was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub time: Timestamp,
    /// Cause.
    pub cause: EndCause,
}

/// SHA-256 of what a repeatable request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFingerprint(pub [u8; 32]);

/// A grant: subject, scopes, end, and the two newest generations of its tokens.
///
/// One record per grant, however often it is refreshed, and every transition replaces it whole by
/// one compare-and-swap. Invariants: `previous`, if any, is generation `current.number − 1`; `salt`
/// is there only while the retry of that generation's refresh token may still be answered; without
/// it and with `previous`, the access token of `current` was revoked alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name.
    #[serde(skip, default = "unnamed")]
    pub id: GrantId,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// Dead when the client's record has another epoch.
    pub client_epoch: Epoch,
    /// Subject of the tokens.
    pub subject: Subject,
    /// Granted scopes.
    pub scopes: Scopes,
    /// The services it is meant for.
    pub audience: Audience,
    /// When it was first issued.
    pub issue_time: Timestamp,
    /// When it and everything of it ends at the latest.
    pub expire_time: Timestamp,
    /// Set once, never cleared.
    pub end: Option<Box<End>>,
    /// Fingerprint of the request, if the request is repeatable.
    pub request: Option<Box<RequestFingerprint>>,
    /// The refresh token of generation 0, if a repeat of the request has replaced an earlier pair. It
    /// distinguishes a replay from a token of the pair that was replaced.
    #[serde(skip)]
    pub repeated_root: Option<Box<TokenHash>>,
    /// Origin of the request.
    pub origin: Box<Origin>,
    /// When a token of it was last introspected, as far as that was noted: coarse, and behind.
    pub last_used: Option<Timestamp>,
    /// The newest pair.
    pub current: Generation,
    /// The pair before it.
    pub previous: Option<Box<Generation>>,
    /// Salt from which `current` was derived; `None` closes the retry window.
    pub salt: Option<Box<Salt>>,
    /// The key that signed the access token of `current`, if that is a signed one: a repeated answer is
    /// signed by the same. Written behind the record, and only where there is one.
    #[serde(skip)]
    pub signed_by: Option<Box<SigningKeyId>>,
    /// Its origin, if it came of another grant by token exchange. Written behind the record, and only where
    /// there is one.
    #[serde(skip)]
    pub delegation: Option<Box<Delegation>>,
    /// Holders of tokens that came of it by token exchange. Written behind the record, and only where there
    /// are some.
    #[serde(skip)]
    pub delegates: Option<Box<Delegates>>,
    /// Holders of its tokens. Written behind the record, and only where there are some.
    #[serde(skip)]
    pub bindings: Bindings,
}

/// The confirmations of a grant's tokens. Few grants have any: those take a place of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(Option<Box<Pair>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    current: Option<Confirmation>,
    previous: Option<Confirmation>,
}

impl Bindings {
    /// The holder of the newest pair, and of the pair before it; `None` for a pair that everybody may show.
    pub fn new(current: Option<Confirmation>, previous: Option<Confirmation>) -> Self {
        let some = current.is_some() || previous.is_some();
        Self(some.then(|| Box::new(Pair { current, previous })))
    }

    /// Of the newest pair: of its access token, and for a public client of its refresh token too.
    pub fn current(&self) -> Option<&Confirmation> {
        self.0.as_ref()?.current.as_ref()
    }

    /// Of the pair before it.
    pub fn previous(&self) -> Option<&Confirmation> {
        self.0.as_ref()?.previous.as_ref()
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Origin of the request that issued a grant, for lists of grants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The address of the peer.
    pub peer: Option<Box<str>>,
    /// The peer's user agent, cut to [`Self::MAX_USER_AGENT_BYTES`].
    pub user_agent: Option<Box<str>>,
}

impl Origin {
    /// Longest user agent that is kept, in bytes: records stay small.
    pub const MAX_USER_AGENT_BYTES: usize = 64;
}

/// The record's key names the grant; the decoder puts it in place of this.
fn unnamed() -> GrantId {
    GrantId::from_bytes([0; 16])
}

impl Grant {
    /// The scopes of an access token of this grant.
    pub fn scopes_of<'a>(&'a self, access: &'a AccessSlot) -> &'a Scopes {
        access.scopes.as_deref().unwrap_or(&self.scopes)
    }

    /// The generation that `token` is recorded as, if its hash is in the record. Generations
    /// before the previous one leave nothing in the record.
    pub fn generation_of(&self, token: &PresentedToken) -> Option<&Generation> {
        let named = |generation: &&Generation| generation.number == token.generation();
        let current = Some(&self.current).filter(named);
        let generation = current.or_else(|| self.previous.as_deref().filter(named));
        generation.filter(|generation| generation.holds(token))
    }

    /// Returns the confirmation of the access token of a generation that is one of the two in the record.
    pub fn confirmation_of(&self, generation: u32) -> Option<&Confirmation> {
        if generation == self.current.number {
            self.bindings.current()
        } else {
            self.bindings.previous()
        }
    }

    /// Returns whether a repeat of the issuing request has replaced `token`, a genuine refresh
    /// token: it was never used, and its holder received a late answer.
    pub fn was_replaced_by_repeat(&self, token: &PresentedToken) -> bool {
        let of_root = token.generation() == 0 && token.kind() == TokenKind::Refresh;
        if !of_root || self.generation_of(token).is_some() {
            return false;
        }
        if self.current.number == 0 {
            return self.request.is_some();
        }
        self.repeated_root.as_ref().is_some_and(|root| !token.is_recorded_as(root))
    }

    /// Holders of the tokens that came of it by token exchange.
    pub fn delegates(&self) -> &Delegates {
        Delegates::of(self.delegates.as_deref())
    }

    /// When nothing of the grant can be used any more, so that its record may be dropped.
    /// Ended grants stay to their last day: a `request_id` must not name a second grant.
    pub fn spent_time(&self) -> Timestamp {
        if self.end.is_some() {
            return self.expire_time;
        }
        let refresh = self.current.refresh.as_ref().map(|slot| slot.expire_time);
        refresh
            .map_or(self.current.access.expire_time, |end| end.max(self.current.access.expire_time))
    }

    /// The same grant, ended.
    #[must_use]
    pub fn ended(&self, cause: EndCause, time: Timestamp) -> Self {
        Self { end: Some(Box::new(End { time, cause })), salt: None, ..self.clone() }
    }
}

impl Generation {
    fn holds(&self, token: &PresentedToken) -> bool {
        let hash = match token.kind() {
            TokenKind::Access => self.access.hash,
            TokenKind::Refresh => self.refresh.as_ref().map(|slot| slot.hash),
        };
        hash.is_some_and(|hash| token.is_recorded_as(&hash))
    }
}
