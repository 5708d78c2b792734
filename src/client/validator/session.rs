//! The state of a validator, and its questions to the server.

use std::{sync::Arc, time::Duration};

use backon::BackoffBuilder as _;
use tokio::time::{sleep, timeout};

#[cfg(feature = "jwt")]
use super::first_sight::Judgement;
use super::{
    clock::{Clock, Moment},
    counters::{Counters, count},
    ended::EventTime,
    fault::LastError,
    fingerprint::Fingerprint,
    first_sight::FirstSight,
    flight::Flights,
    freshness::Freshness,
    memory::{Answer, Found, Memory, NotKept},
    options::Options,
};
use crate::{
    client::{Claims, Error, Limits, TokenClient, retry},
    proto::v1::{IntrospectRequest, TokenKind, WatchCoverage},
};

/// Prefix of every access token.
const PREFIX: &str = "jat_";
/// Maximum number of characters in a token.
const MAX_CHARS: usize = 100;
/// Start of a signed access token: a JSON object in base64url.
const SIGNED_PREFIX: &str = "eyJ";
/// Longest signed access token that a server reads.
const MAX_SIGNED_BYTES: usize = 16 << 10;
/// Pauses before the server is asked again after an answer that can lack a revocation.
const AGAIN: Limits = Limits {
    deadline: Duration::MAX,
    retries: usize::MAX,
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(100),
};

/// The reason for a rejected token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The token is invalid: unknown, expired, revoked, or not visible to this service. The caller
    /// needs another token.
    #[error("the token is not active")]
    Inactive,

    /// The token's state is unknown at present. The caller can try again.
    #[error("whether the token is active cannot be told")]
    Unknown(#[source] Error),
}

/// State shared by all clones of a validator.
pub(super) struct Session {
    pub(super) client: TokenClient,
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) memory: Memory,
    pub(super) freshness: Freshness,
    pub(super) flights: Flights<Result<Arc<Claims>, Refusal>>,
    pub(super) counters: Counters,
    pub(super) last_error: LastError,
    /// `None` if the server is asked about signed tokens too.
    pub(super) first_sight: Option<FirstSight>,
}

impl Session {
    /// Returns the result from memory, or the fingerprint to ask the server about.
    pub(super) fn recall(&self, text: &str) -> Result<Result<Arc<Claims>, Refusal>, Fingerprint> {
        let token = self.memory.fingerprint(text);
        let now = self.clock.now();
        // Order matters: see `Freshness::until`.
        let proven = self.freshness.until();
        let trusted = |answer: &Answer| now <= self.trusted(answer, proven);
        if let Some(claims) = self.memory.claims(&token, now, trusted) {
            self.counters.hit();
            return Ok(Ok(claims));
        }
        if self.memory.refuses(&token, now) {
            count(&self.counters.remembered_refusals);
            return Ok(Err(Refusal::Inactive));
        }
        #[cfg(feature = "jwt")]
        if let Some(judged) = self.judge(token, text, now, proven) {
            return Ok(judged);
        }
        Err(token)
    }

    /// Judges a signed token that is not in memory, whose proof ends at `proven`. `None` for any other token,
    /// and if the server must be asked.
    #[cfg(feature = "jwt")]
    fn judge(
        &self,
        token: Fingerprint,
        text: &str,
        now: Moment,
        proven: Moment,
    ) -> Option<Result<Arc<Claims>, Refusal>> {
        let sight = self.first_sight.as_ref().filter(|_| is_signed(text))?;
        match sight.judge(text, now)? {
            Judgement::Forged => count(&self.counters.forged),
            _ if now > proven => return None,
            Judgement::Refused => {}
            Judgement::Good { signed, left } => {
                let claims = self.memory.keep_signed(token, *signed, now.after(left))?;
                count(&self.counters.verified);
                return Some(Ok(claims));
            }
        }
        self.memory.refuse(token, now.after(self.options.refusal_ttl));
        Some(Err(Refusal::Inactive))
    }

    /// Returns `true` if signed tokens are judged at first sight.
    pub(super) const fn judges(&self) -> bool {
        self.first_sight.is_some()
    }

    /// Notes the extent of the watch, as a response states it. Returns the time of its events.
    pub(super) fn cover(&self, coverage: Option<WatchCoverage>) -> EventTime {
        let Some(coverage) = coverage else { return EventTime::UNKNOWN };
        if let Some(sight) = &self.first_sight {
            let begin = |time| self.memory.complete_since(EventTime(time));
            sight.note(&coverage, self.clock.now(), begin);
        }
        let seconds = coverage.time.map(|time| time.seconds);
        let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
        seconds.map_or(EventTime::UNKNOWN, EventTime)
    }

    /// Returns the time until which the answer itself or the watch proves it.
    fn trusted(&self, answer: &Answer, proven: Moment) -> Moment {
        proven.max(answer.asked.after(self.options.unproven()))
    }

    /// Asks the server, once for all callers at the same time.
    pub(super) async fn ask(
        self: &Arc<Self>,
        fingerprint: Fingerprint,
        token: &str,
    ) -> Result<Arc<Claims>, Refusal> {
        if !is_access_token(token) {
            count(&self.counters.malformed);
            return Err(Refusal::Inactive);
        }
        let question = self.flights.join(fingerprint, self.clock.now(), || {
            let (shared, token) = (Arc::clone(self), token.to_owned());
            async move { shared.answer(fingerprint, &token).await }
        });
        question.await
    }

    /// Obtains the answer.
    async fn answer(&self, fingerprint: Fingerprint, token: &str) -> Result<Arc<Claims>, Refusal> {
        let limit = self.options.max_staleness;
        let answer = timeout(limit, self.introspect(fingerprint, token)).await;
        match answer.unwrap_or_else(|_| Err(Refusal::Unknown(Error::deadline()))) {
            Err(Refusal::Unknown(error)) => {
                count(&self.counters.unanswered);
                self.last_error.set(self.clock.now(), &error);
                self.graced(fingerprint).ok_or(Refusal::Unknown(error))
            }
            answer => answer,
        }
    }

    async fn introspect(
        &self,
        fingerprint: Fingerprint,
        token: &str,
    ) -> Result<Arc<Claims>, Refusal> {
        let request = IntrospectRequest {
            token: token.to_owned(),
            expected_kind: TokenKind::Access.into(),
            ..IntrospectRequest::default()
        };
        let mut pauses = retry::pauses(&AGAIN).build();
        loop {
            count(&self.counters.asked);
            // Order matters: both are read before the question is sent.
            let since = self.memory.position();
            let asked = self.clock.now();
            let answer = self.client.introspect(request.clone()).await;
            let answer = answer.map_err(Refusal::Unknown)?;
            if !answer.active {
                self.memory.refuse(fingerprint, asked.after(self.options.refusal_ttl));
                return Err(Refusal::Inactive);
            }
            let ttl = answer.cache_ttl.and_then(|ttl| ttl.try_into().ok()).unwrap_or_default();
            let found = Found { since, feed_position: answer.feed_position, asked, ttl };
            match self.memory.keep(fingerprint, &found, answer) {
                Ok(claims) => return Ok(claims),
                Err(NotKept::Behind(claims)) => {
                    count(&self.counters.unkept);
                    return Ok(claims);
                }
                Err(NotKept::Overtaken) => count(&self.counters.overtaken),
            }
            // An instance that lags behind catches up in a moment.
            sleep(retry::some_of(pauses.next().unwrap_or(AGAIN.longest_pause))).await;
        }
    }

    /// Returns the result from memory in the configured grace period.
    fn graced(&self, token: Fingerprint) -> Option<Arc<Claims>> {
        if self.options.grace.is_zero() {
            return None;
        }
        let now = self.clock.now();
        let proven = self.freshness.until();
        let graced =
            |answer: &Answer| now <= self.trusted(answer, proven).after(self.options.grace);
        let claims = self.memory.claims(&token, now, graced)?;
        count(&self.counters.graced);
        Some(claims)
    }
}

/// Returns `true` if an access token can have this text. Any other text is rejected without a
/// question to the server.
fn is_access_token(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let opaque = text.starts_with(PREFIX) && text.len() <= MAX_CHARS && text.bytes().all(legal);
    opaque || is_signed(text)
}

/// Returns `true` if the text has the form of a signed JWT (RFC 7515 §3.1). The server verifies it.
pub(super) fn is_signed(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let dots = || text.bytes().filter(|byte| *byte == b'.').count();
    let sized = text.starts_with(SIGNED_PREFIX) && text.len() <= MAX_SIGNED_BYTES;
    sized && text.bytes().all(legal) && dots() == 2
}
