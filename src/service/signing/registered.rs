//! Entries in the store's register for the signing keys of this process.

use std::time::Duration;

use crate::domain::{
    signing_key_id::SigningKeyId,
    signing_register::{Announcement, PUBLISH_LEASE, SigningStanding},
    signing_times::SIGN_LEASE,
    time::Timestamp,
};

/// Time between two attempts to have a key sign that must wait.
const RETRY: Duration = Duration::from_secs(1);

/// The last announcement, with its result.
#[derive(Clone, Debug, Default)]
pub(super) struct Registered {
    /// The keys in the key set. While an announcement is under way, those before and after it.
    pub(super) published: Vec<SigningKeyId>,
    pub(super) standing: SigningStanding,
    pub(super) announced: Option<Announcement>,
    /// When.
    pub(super) time: Timestamp,
}

impl Registered {
    /// Returns whether the key set may be served.
    pub(super) fn may_publish(&self, now: Timestamp) -> bool {
        self.standing.published_until.is_none_or(|until| now < until)
    }

    /// Returns whether the register has to be changed for `said`, or a lease renewed.
    pub(super) fn is_due(&self, said: &Announcement, now: Timestamp) -> bool {
        if self.announced.as_ref() != Some(said) {
            return true;
        }
        // A time further ahead than a lease is of a clock that went back.
        let ends = |until: Timestamp, lease: Duration| {
            let left = until.since(now);
            left < lease / 2 || left > lease
        };
        let signs = self.standing.signs;
        let waits = !said.wanted.is_empty() && (signs.is_none() || self.standing.waiting.is_some());
        let waits = waits && (now.since(self.time) >= RETRY || now < self.time);
        waits
            || signs.is_some_and(|lease| ends(lease.until, SIGN_LEASE))
            || self.standing.published_until.is_some_and(|until| ends(until, PUBLISH_LEASE))
    }
}
