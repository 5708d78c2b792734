//! Judges signed access tokens (RFC 9068) that are seen for the first time, without a question.
//!
//! A token is accepted if a key of the server signed it, it has not expired, this client may introspect it,
//! and nothing that it depends on was revoked since it was issued. For the last, memory has every
//! revocation since some time, and is proven within `max_staleness`. The server is asked about a token
//! that was issued before that time, or whose grant, subject or client has been named by a revocation
//! since; and while memory is not proven.

mod coverage;
mod keys;
mod token;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use self::{
    coverage::Coverage,
    keys::Keys,
    token::{Unread, read},
};
use super::{clock::Moment, ended::SKEW, memory::Signed};
use crate::proto::v1::{GetJwksResponse, WatchCoverage};

/// The means to judge a signed token.
pub(super) struct FirstSight {
    issuer: String,
    keys: RwLock<HeldKeys>,
    coverage: Coverage,
}

/// Keys as the server published them.
#[derive(Default)]
struct HeldKeys {
    keys: Arc<Keys>,
    /// Time until which another key cannot have begun to sign. `None` before the first answer.
    until: Option<Moment>,
}

/// The judgement on a signed token by itself, without what was revoked.
pub(super) enum Judgement {
    /// No key of the server made it, or it made it for something else.
    Forged,
    /// It has expired, or this client may not introspect it.
    Refused,
    /// It is good for that time, unless it was revoked.
    Good {
        /// Its facts.
        signed: Box<Signed>,
        /// Time until its expiry.
        left: Duration,
    },
}

impl FirstSight {
    pub(super) fn of(issuer: String) -> Self {
        Self { issuer, keys: RwLock::default(), coverage: Coverage::default() }
    }

    /// Judges a token. `None` if the server must be asked.
    pub(super) fn judge(&self, token: &str, now: Moment) -> Option<Judgement> {
        let keys = self.keys(now)?;
        let signed = match read(token, &keys, &self.issuer) {
            Ok(signed) => signed,
            Err(Unread::Forged) => return Some(Judgement::Forged),
            Err(Unread::Unknown) => return None,
        };
        let time = self.coverage.time(now)?;
        // The server's clock was set back since: its times do not order what happened.
        if u64::from(signed.issue_time) > time.as_secs() + u64::from(SKEW) {
            return None;
        }
        let left = signed.expire_time.saturating_sub(time);
        let seen = self.coverage.includes(&signed.facts)?;
        let good = seen && !left.is_zero();
        Some(if good {
            Judgement::Good { signed: Box::new(signed), left }
        } else {
            Judgement::Refused
        })
    }

    /// Notes the extent of the watch, as a response states it. `begin` is called before it counts, with the
    /// time since which events of the tokens that the watch now covers are known, in seconds since 1970, if
    /// that is another one.
    pub(super) fn note(&self, coverage: &WatchCoverage, now: Moment, begin: impl FnOnce(u32)) {
        self.coverage.note(coverage, now, begin);
    }

    fn keys(&self, now: Moment) -> Option<Arc<Keys>> {
        let held = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        held.until.is_some_and(|until| now < until).then(|| Arc::clone(&held.keys))
    }

    /// Replaces the keys by those that were asked for at `asked`. Returns `true` if one of those before is
    /// not among them.
    pub(super) fn hold(&self, published: &GetJwksResponse, asked: Moment) -> bool {
        let keys = Keys::read(&published.jwks);
        let age = published.max_age.and_then(|age| age.try_into().ok()).unwrap_or_default();
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let lost = !held.keys.are_all_in(&keys);
        *held = HeldKeys { keys: Arc::new(keys), until: Some(asked.after(age)) };
        lost
    }
}
