//! The register of the keys that sign access tokens: who publishes which, who may sign with which, and which
//! are needed. It is one value in the store, and each change of it is one pure transition.
//!
//! # A key is published everywhere before it signs anywhere
//!
//! Each instance announces the keys that it publishes, holds a lease on that, and serves its key set only
//! while the lease lasts. It announces a key after it has begun to publish it, and publishes a key to the end
//! of an announcement without it. So at each moment the register has, for each instance that may serve a key
//! set, a part of what that set has.
//!
//! A set of an instance is at a verifier for `reach` after it was served. A key is *ready* at an instance
//! when each of the instance's sets without it is gone from every verifier: those were served before the
//! announcement, so `reach` later. An instance that published nothing before has no such set, since an empty
//! one is not kept. The sets of an ended instance are gone when its `kept_until` has passed.
//!
//! A key that nobody has signed with may sign if it is ready at every instance whose sets are somewhere.
//! From then on it is *needed*: an announcement without it is refused, so every set that is served has it.
//! It stays so until the last token that it can have signed has expired: a signature is made under a lease
//! of [`SIGN_LEASE`], and a token lives for [`JwtLife`] at most.
//!
//! An instance that meets a token of a needed key which it lacks knows that the token may be good: the key
//! was needed, durably, before it signed.
//!
//! Times are those of one clock: the database's where instances share one. A clock that goes back makes keys
//! wait no longer than from its beginning; one that goes ahead ends leases and needs early.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    record::Corrupt,
    signing_key_id::SigningKeyId,
    signing_times::{JwtLife, READ_AGAIN, SIGN_LEASE},
    time::Timestamp,
};

/// Time for which an instance may serve the key set that it announced.
pub const PUBLISH_LEASE: Duration = Duration::from_secs(60 * 60);

/// Number of a process that has the store alone.
pub const ALONE: u64 = 0;

/// A key that signed something that can be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededKey {
    /// The key.
    #[serde(with = "text")]
    pub key: SigningKeyId,
    /// When the last token that it can have signed has expired.
    pub until: Timestamp,
}

/// The keys that an instance publishes, and those that it would sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The keys that are in the instance's key set.
    pub published: Vec<SigningKeyId>,
    /// Keys that it would sign with, the most wanted one first.
    pub wanted: Vec<SigningKeyId>,
    /// Time that verifiers keep the key set.
    pub max_age: Duration,
    /// Longest life of what it signs.
    pub longest: JwtLife,
}

/// A change of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningChange {
    /// An instance says what it publishes and would sign with, and renews its leases.
    Announce(Announcement),
    /// An instance ends: it serves no key set from now on.
    Withdraw,
    /// Tokens that these keys signed came with records of another store.
    Need(Vec<NeededKey>),
    /// Events of the feed up to this time are about to be freed.
    Trim(Timestamp),
}

/// The process that makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcer {
    /// Its number among all openings of the store, or [`ALONE`].
    pub instance: u64,
    /// True if an instance of a release that announces nothing is running.
    pub beside_older: bool,
    /// The feed of revocations, which another one follows after commits were lost.
    pub feed: FeedId,
}

/// Name of a feed of revocations.
pub type FeedId = [u8; 16];

/// A feed of revocations, and the time since which it has every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStart {
    /// The feed.
    pub feed: FeedId,
    /// Time of its beginning, or of the last event that was freed, at the latest.
    pub since: Timestamp,
}

/// A key that may sign until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningLease {
    /// The key.
    pub key: SigningKeyId,
    /// From when on it must not sign without another lease.
    pub until: Timestamp,
}

/// A key that does not sign yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingKey {
    /// The key.
    pub key: SigningKeyId,
    /// Number of instances that do not publish it, or did not a while ago.
    pub instances: usize,
}

/// Result of a change for the process that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningStanding {
    /// The keys that signed something that can be good.
    pub needed: Vec<NeededKey>,
    /// Those among them that the announcement lacks. Instances that share the store refuse such an announcement.
    pub missing: Vec<SigningKeyId>,
    /// The key that it may sign with.
    pub signs: Option<SigningLease>,
    /// The most wanted key, if that may not sign yet.
    pub waiting: Option<WaitingKey>,
    /// From when on it must not serve its key set without another lease; `None` for a process that has the
    /// store alone.
    pub published_until: Option<Timestamp>,
}

/// The register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningRegister {
    sets: Vec<KeySet>,
    needed: Vec<NeededKey>,
    #[serde(default)]
    feed_start: Option<FeedStart>,
}

/// The key set of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeySet {
    instance: u64,
    keys: Vec<PublishedKey>,
    /// Time for which a verifier can have a set after it was served.
    reach: Duration,
    /// When every set but today's is gone from all verifiers.
    settled: Timestamp,
    /// When no verifier has a set of the instance, unless the lease is renewed.
    kept_until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PublishedKey {
    #[serde(with = "text")]
    key: SigningKeyId,
    /// When no verifier has a set of the instance without the key.
    ready: Timestamp,
}

impl SigningRegister {
    /// The register as text, which says nothing secret.
    pub fn to_text(&self) -> String {
        // Lists of numbers and texts always have a JSON text.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the text. An empty one is that of a store without a register.
    ///
    /// # Errors
    /// When it is no text of a register.
    pub fn parse(text: &str) -> Result<Self, Corrupt> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|_| Corrupt)
    }

    /// The keys that signed something that can be good, as of the last change.
    pub fn needed(&self) -> &[NeededKey] {
        &self.needed
    }

    /// Returns the feed as of the last change, and since when it has every event.
    pub fn feed_start(&self) -> Option<FeedStart> {
        self.feed_start
    }

    /// Makes a change at a time.
    pub fn change(
        &mut self,
        by: Announcer,
        change: &SigningChange,
        now: Timestamp,
    ) -> SigningStanding {
        self.settle(now);
        if self.feed_start.is_none_or(|start| start.feed != by.feed) {
            self.feed_start = Some(FeedStart { feed: by.feed, since: now });
        }
        match change {
            SigningChange::Announce(announcement) => self.announce(by, announcement, now),
            SigningChange::Withdraw => {
                self.withdraw(by.instance, now);
                self.standing()
            }
            SigningChange::Need(keys) => {
                for key in keys {
                    self.need(*key);
                }
                self.standing()
            }
            SigningChange::Trim(until) => {
                if let Some(start) = &mut self.feed_start {
                    start.since = start.since.max(*until);
                }
                self.standing()
            }
        }
    }

    /// Drops entries whose time is over. A time further ahead than any change sets one is of a clock that went
    /// back.
    fn settle(&mut self, now: Timestamp) {
        for set in &mut self.sets {
            let soon = now.after(set.reach);
            set.settled = set.settled.min(soon);
            set.kept_until = set.kept_until.min(soon.after(PUBLISH_LEASE));
            for key in &mut set.keys {
                key.ready = key.ready.min(soon);
            }
        }
        // A process that has the store alone serves without a lease.
        self.sets.retain(|set| set.instance == ALONE || set.kept_until > now);
        self.needed.retain(|key| key.until > now);
    }

    fn announce(&mut self, by: Announcer, said: &Announcement, now: Timestamp) -> SigningStanding {
        let lacks = |needed: &&NeededKey| !said.published.contains(&needed.key);
        let missing: Vec<_> = self.needed.iter().filter(lacks).map(|needed| needed.key).collect();
        if by.instance != ALONE && !missing.is_empty() {
            // Without a lease: it must serve no set that lacks a needed key.
            return SigningStanding { missing, published_until: Some(now), ..self.standing() };
        }
        self.publish(by, said, now);
        let mut standing = SigningStanding { missing, ..self.standing() };
        for key in said.wanted.iter().filter(|key| said.published.contains(key)) {
            let lacking = self.lacking(*key, now);
            let everywhere = lacking == 0 && !by.beside_older;
            if everywhere || self.needed.iter().any(|needed| needed.key == *key) {
                let until = now.after(SIGN_LEASE);
                self.need(NeededKey {
                    key: *key,
                    until: until.after(said.longest.0).after(READ_AGAIN),
                });
                standing.signs = Some(SigningLease { key: *key, until });
                break;
            }
            let instances = lacking + usize::from(by.beside_older);
            standing.waiting.get_or_insert(WaitingKey { key: *key, instances });
        }
        standing.needed.clone_from(&self.needed);
        standing.published_until = (by.instance != ALONE).then(|| now.after(PUBLISH_LEASE));
        standing
    }

    /// Puts the key set of an instance into the place of the one before.
    fn publish(&mut self, by: Announcer, said: &Announcement, now: Timestamp) {
        let reach = said.max_age + READ_AGAIN;
        let place = self.sets.iter().position(|set| set.instance == by.instance);
        let before = place.map(|place| self.sets.swap_remove(place));
        let settled = match &before {
            None => now,
            Some(before) if before.keys.is_empty() => before.settled,
            Some(before) => now.after(reach.max(before.reach)),
        };
        let known = before.map(|before| before.keys).unwrap_or_default();
        let published = |key: &SigningKeyId| {
            let known = known.iter().find(|known| known.key == *key).copied();
            known.unwrap_or(PublishedKey { key: *key, ready: settled })
        };
        let keys: Vec<_> = said.published.iter().map(published).collect();
        let kept = if keys.is_empty() { Duration::ZERO } else { reach };
        let kept_until = now.after(PUBLISH_LEASE).after(kept).max(settled);
        self.sets.push(KeySet { instance: by.instance, keys, reach, settled, kept_until });
    }

    /// Counts the instances of which a verifier may have a set without the key.
    fn lacking(&self, key: SigningKeyId, now: Timestamp) -> usize {
        let has = |set: &KeySet| set.keys.iter().any(|held| held.key == key && held.ready <= now);
        self.sets.iter().filter(|set| !has(set)).count()
    }

    fn withdraw(&mut self, instance: u64, now: Timestamp) {
        for set in self.sets.iter_mut().filter(|set| set.instance == instance) {
            let kept = if set.keys.is_empty() { set.settled } else { now.after(set.reach) };
            set.kept_until = set.kept_until.min(kept);
        }
        self.sets.retain(|set| set.kept_until > now);
    }

    fn need(&mut self, new: NeededKey) {
        match self.needed.iter_mut().find(|needed| needed.key == new.key) {
            Some(needed) => needed.until = needed.until.max(new.until),
            None => self.needed.push(new),
        }
    }

    fn standing(&self) -> SigningStanding {
        SigningStanding { needed: self.needed.clone(), ..SigningStanding::default() }
    }
}

/// The name of a key as text.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::SigningKeyId;

    pub(super) fn serialize<S: Serializer>(key: &SigningKeyId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SigningKeyId, D::Error> {
        let text = String::deserialize(from)?;
        SigningKeyId::parse(&text).ok_or_else(|| D::Error::custom("no name of a signing key"))
    }
}

#[cfg(test)]
mod tests;
