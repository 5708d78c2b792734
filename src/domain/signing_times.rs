//! The times of keys that sign access tokens: published before they sign, and for as long as anything that
//! they signed can be good.

use std::time::Duration;

use super::{signing_key_id::SigningKeyId, time::Timestamp};

/// Longest life of a signed access token: a key stays published so long after it last signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JwtLife(pub Duration);

impl JwtLife {
    /// Upper limit of the setting: so long the store keeps the end of a user's or a client's tokens for
    /// those who judge signed ones by themselves, under any earlier value of the setting.
    pub const MOST: Self = Self(Duration::from_secs(7 * 24 * 60 * 60));
}

impl Default for JwtLife {
    fn default() -> Self {
        Self(Duration::from_secs(24 * 60 * 60))
    }
}

/// A signature that is due on an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueSignature {
    /// The key that is to sign.
    pub key: SigningKeyId,
    /// Longest life of the token.
    pub longest: JwtLife,
}

/// Time that instances have to read a changed key ring, beside the time that verifiers keep a key set.
pub const READ_AGAIN: Duration = Duration::from_secs(10);

/// Time for which an instance may sign with a key before it asks the store again.
pub const SIGN_LEASE: Duration = Duration::from_secs(10 * 60);

/// Times of one key, as its file has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigningTimes {
    /// When the key was made.
    pub create_time: Timestamp,
    /// From when on it signs, until a key with a later such time does; `None` until it is activated.
    pub sign_time: Option<Timestamp>,
}

/// State of a key among all keys of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningState {
    /// Published, and not activated.
    Added,
    /// Published, and activated: it signs from that time on.
    Waiting(Timestamp),
    /// It signs.
    Active,
    /// Another one signs; it stays published until that time.
    Retired(Timestamp),
    /// Nothing that it signed can be good.
    Expired,
}

impl SigningState {
    /// The name in the output of commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Waiting(_) => "waiting",
            Self::Active => "active",
            Self::Retired(_) => "retired",
            Self::Expired => "expired",
        }
    }
}

/// Returns the place of the key that signs at `now`: the one that began last. Of two that begin at the
/// same time it is the latter, on every instance that has them in the same order.
pub fn active(keys: &[SigningTimes], now: Timestamp) -> Option<usize> {
    let begun = keys.iter().enumerate().filter_map(|(at, key)| Some((key.sign_time?, at)));
    begun.filter(|(began, _)| *began <= now).max().map(|(_, at)| at)
}

/// Returns the state of the key at a place, whose tokens live for `longest`.
pub fn state(keys: &[SigningTimes], at: usize, longest: JwtLife, now: Timestamp) -> SigningState {
    let Some(began) = keys.get(at).and_then(|key| key.sign_time) else {
        return SigningState::Added;
    };
    if began > now {
        return SigningState::Waiting(began);
    }
    if active(keys, now) == Some(at) {
        return SigningState::Active;
    }
    let later = keys.iter().enumerate().filter_map(|(other, key)| Some((key.sign_time?, other)));
    let ended = later.filter(|(time, other)| *time <= now && (*time, *other) > (began, at)).min();
    let ended = ended.map_or(now, |(time, _)| time);
    let last = ended.after(SIGN_LEASE).after(longest.0).after(READ_AGAIN);
    if now < last { SigningState::Retired(last) } else { SigningState::Expired }
}

/// Returns the time from which a key that is activated at `now` signs. The first one of a ring does so at
/// once; a further one when every verifier that keeps the key set for `max_age` has met it.
pub fn sign_time(keys: &[SigningTimes], max_age: Duration, now: Timestamp) -> Timestamp {
    let is_first = keys.iter().all(|key| key.sign_time.is_none());
    if is_first { now } else { now.after(max_age).after(READ_AGAIN) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn key(sign_time: Option<u64>) -> SigningTimes {
        SigningTimes { create_time: at(0), sign_time: sign_time.map(at) }
    }

    #[test]
    fn a_key_is_added_waits_signs_retires_and_expires() {
        let keys = [key(Some(100)), key(Some(1_000)), key(None)];
        let life = JwtLife::default();
        let day = (life.0 + SIGN_LEASE).as_secs();
        let last = at(1_000 + day + 10);
        for (now, old, new) in [
            (50, SigningState::Waiting(at(100)), SigningState::Waiting(at(1_000))),
            (100, SigningState::Active, SigningState::Waiting(at(1_000))),
            (999, SigningState::Active, SigningState::Waiting(at(1_000))),
            (1_000, SigningState::Retired(last), SigningState::Active),
            (1_009 + day, SigningState::Retired(last), SigningState::Active),
            (1_010 + day, SigningState::Expired, SigningState::Active),
        ] {
            let state = |place| state(&keys, place, life, at(now));
            assert_eq!((state(0), state(1), state(2)), (old, new, SigningState::Added), "{now}");
        }
    }

    #[test]
    fn the_first_key_signs_at_once_and_a_further_one_when_verifiers_know_it() {
        let max_age = Duration::from_secs(300);
        assert_eq!(sign_time(&[], max_age, at(5)), at(5));
        assert_eq!(sign_time(&[key(None)], max_age, at(5)), at(5));
        assert_eq!(sign_time(&[key(Some(1)), key(None)], max_age, at(5)), at(315));
    }

    proptest! {
        /// No moment has two keys that sign, and none has no key once one has begun.
        #[test]
        fn one_key_signs_from_the_first_beginning_on(
            begins in prop::collection::vec(prop::option::of(0..50_u64), 0..5),
            now in 0..60_u64,
        ) {
            let keys: Vec<_> = begins.iter().map(|begin| key(*begin)).collect();
            let states = (0..keys.len()).map(|place| state(&keys, place, JwtLife::default(), at(now)));
            let active = states.filter(|state| *state == SigningState::Active).count();
            let begun = begins.iter().flatten().any(|begin| *begin <= now);
            prop_assert_eq!(active, usize::from(begun));
        }
    }
}
