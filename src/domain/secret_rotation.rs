//! Rotation of a client's secrets: at most two are live, so that callers with either one keep
//! access.

use std::time::Duration;

use super::{
    client::{Client, ClientType},
    client_secret::{ClientSecret, StoredSecret},
    error::Error,
    issue::REPEAT_WINDOW,
    rotation_mark::RotationMark,
    time::Timestamp,
};

/// A secret to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// Stored form of the secret.
    pub stored: StoredSecret,
    /// Its life; `None` for ever.
    pub ttl: Option<Duration>,
    /// For how long the newest secret before it stays good, unless it expires before.
    pub previous_ttl: Duration,
    /// Mark of the request, if the request can be repeated.
    pub mark: Option<RotationMark>,
}

impl Client {
    /// Maximum of live secrets.
    pub const MOST_LIVE_SECRETS: usize = 2;

    /// The client with another secret beside the newest one it has; those before that one end.
    /// Its grants live on: the epoch stays.
    ///
    /// # Errors
    /// `InvalidRequest` for a public client.
    pub fn with_secret(&self, new: NewSecret, now: Timestamp) -> Result<Self, Error> {
        if self.client_type == ClientType::Public {
            let problem = "names a public client, which has no secret";
            return Err(Error::InvalidRequest { field: "client_id", problem });
        }
        let newest = self.secrets.iter().rfind(|secret| secret.is_live(now));
        let kept = newest.map(|newest| ends_by(newest, now.after(new.previous_ttl)));
        let expire_time = new.ttl.map(|ttl| now.after(ttl));
        let added =
            ClientSecret { stored: new.stored, create_time: now, expire_time, made_by: new.mark };
        let secrets = kept.filter(|kept| kept.is_live(now)).into_iter().chain([added]).collect();
        Ok(Self { secrets, update_time: now, ..self.clone() })
    }

    /// The client with another secret; or, for a repeat within [`REPEAT_WINDOW`] of the request that
    /// made its newest one, with another in the place of that, which nobody may have been shown. The
    /// secrets before it are then left alone.
    ///
    /// # Errors
    /// `InvalidRequest` for a public client, and for a request id that was used for another request or
    /// too long ago; `Changed` for a repeat after which another secret was set.
    pub fn rotated(&self, new: NewSecret, now: Timestamp) -> Result<Self, Error> {
        let Some(mark) = new.mark.filter(|mark| self.was_asked(mark)) else {
            return self.with_secret(new, now);
        };
        let mut next = self.clone();
        let newest = next.secrets.last_mut().filter(|newest| newest.is_of(&mark));
        let newest = newest.ok_or(Error::Changed)?;
        let early = now.since(newest.create_time) < REPEAT_WINDOW;
        if newest.made_by != Some(mark) || !early || !newest.is_live(now) {
            return Err(Self::request_id_used());
        }
        newest.stored = new.stored;
        next.update_time = now;
        Ok(next)
    }

    /// Returns whether the request with that mark made one of the client's secrets.
    pub fn was_asked(&self, mark: &RotationMark) -> bool {
        self.secrets.iter().any(|secret| secret.is_of(mark))
    }

    /// The refusal of a request id that stands for another request.
    pub fn request_id_used() -> Error {
        let problem = "was used before, for another request or too long ago";
        Error::InvalidRequest { field: "request_id", problem }
    }

    /// The client with the same newest secret. The one before it is good for `previous_ttl` at most.
    #[must_use]
    pub fn with_previous_ending(&self, previous_ttl: Duration, now: Timestamp) -> Self {
        let mut next = self.clone();
        let newest = self.secrets.iter().rposition(|secret| secret.is_live(now));
        for secret in next.secrets.iter_mut().take(newest.unwrap_or(0)) {
            *secret = ends_by(secret, now.after(previous_ttl));
        }
        if next != *self {
            next.update_time = now;
        }
        next
    }
}

impl ClientSecret {
    fn is_of(&self, mark: &RotationMark) -> bool {
        self.made_by.is_some_and(|made_by| made_by.is_of_same_request(mark))
    }
}

fn ends_by(secret: &ClientSecret, end: Timestamp) -> ClientSecret {
    let expire_time = secret.expire_time.map_or(end, |own| own.min(end));
    ClientSecret { expire_time: Some(expire_time), ..secret.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{client_id::ClientId, entropy::Entropy};

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_000_000).after(HOUR * hours)
    }

    fn client(client_type: ClientType) -> Client {
        Client::new(ClientId::parse("orders").expect("an id"), client_type, &Sevens, at(0))
    }

    fn secret(name: &str) -> NewSecret {
        let stored = StoredSecret::Chosen(name.into());
        NewSecret { stored, ttl: None, previous_ttl: 24 * HOUR, mark: None }
    }

    fn asked(name: &str, request_id: &str) -> NewSecret {
        let mark = Some(RotationMark::new(request_id, None, 24 * HOUR));
        NewSecret { mark, ..secret(name) }
    }

    /// The names of the secrets that are good.
    fn live(client: &Client, now: Timestamp) -> Vec<&str> {
        let live = client.secrets.iter().filter(|secret| secret.is_live(now));
        live.map(|secret| match &secret.stored {
            StoredSecret::Chosen(name) => &**name,
            StoredSecret::Generated(_) => panic!("none was generated"),
        })
        .collect()
    }

    #[test]
    fn two_secrets_are_live_and_never_three() {
        let first = client(ClientType::Confidential).with_secret(secret("a"), at(0)).expect("set");
        let second = first.with_secret(secret("b"), at(1)).expect("set");
        assert_eq!(live(&second, at(24)), ["a", "b"]);
        assert_eq!(live(&second, at(25)), ["b"]);
        let third = second.with_secret(secret("c"), at(2)).expect("set");
        assert_eq!(live(&third, at(2)), ["b", "c"]);
        assert_eq!(third.epoch, first.epoch);
    }

    #[test]
    fn a_secret_never_lives_longer_because_of_a_rotation() {
        let short = NewSecret { ttl: Some(HOUR), ..secret("a") };
        let first = client(ClientType::Confidential).with_secret(short, at(0)).expect("set");
        let second = first.with_secret(secret("b"), at(0)).expect("set");
        assert_eq!(live(&second, at(1)), ["b"]);
    }

    #[test]
    fn without_a_grace_the_previous_secret_ends_at_once() {
        let first = client(ClientType::Confidential).with_secret(secret("a"), at(0)).expect("set");
        let at_once = NewSecret { previous_ttl: Duration::ZERO, ..secret("b") };
        let second = first.with_secret(at_once, at(1)).expect("set");
        assert_eq!(second.secrets.len(), 1);
        assert_eq!(live(&second, at(1)), ["b"]);
    }

    #[test]
    fn an_expired_secret_is_not_the_one_that_stays() {
        let mut first = client(ClientType::Confidential);
        for (name, ttl) in [("a", None), ("b", Some(HOUR))] {
            first = first.with_secret(NewSecret { ttl, ..secret(name) }, at(0)).expect("set");
        }
        let next = first.with_secret(secret("c"), at(2)).expect("set");
        assert_eq!(live(&next, at(2)), ["a", "c"]);
    }

    #[test]
    fn a_repeat_replaces_the_secret_that_was_lost_and_ends_none_in_use() {
        let first = client(ClientType::Confidential).with_secret(secret("a"), at(0)).expect("set");
        let lost = first.rotated(asked("b", "r"), at(1)).expect("set");
        let minutes = |count: u64| at(1).after(Duration::from_secs(60 * count));
        // A clock that went back takes nothing away.
        for now in [minutes(0), minutes(9), at(0)] {
            let repeated = lost.rotated(asked("c", "r"), now).expect("repeated");
            assert_eq!(live(&repeated, at(24)), ["a", "c"]);
            assert_eq!(live(&repeated, at(25)), ["c"]);
        }
        let late = lost.rotated(asked("c", "r"), minutes(10));
        assert_eq!(late, Err(Client::request_id_used()));
        let other = NewSecret {
            mark: Some(RotationMark::new("r", Some(HOUR), 24 * HOUR)),
            ..asked("c", "r")
        };
        assert_eq!(lost.rotated(other, minutes(1)), Err(Client::request_id_used()));
        let next = lost.rotated(asked("c", "s"), minutes(1)).expect("another request");
        assert_eq!(live(&next, minutes(1)), ["b", "c"]);
        assert_eq!(next.rotated(asked("d", "r"), minutes(2)), Err(Error::Changed));
    }

    #[test]
    fn keeping_the_newest_secret_ends_the_one_before_sooner_and_never_later() {
        let first = client(ClientType::Confidential).with_secret(secret("a"), at(0)).expect("set");
        let second = first.with_secret(secret("b"), at(1)).expect("set");
        assert_eq!(second.with_previous_ending(24 * HOUR, at(2)), second);
        let ended = second.with_previous_ending(Duration::ZERO, at(2));
        assert_eq!(live(&ended, at(2)), ["b"]);
    }

    #[test]
    fn a_public_client_gets_none() {
        let refused = client(ClientType::Public).with_secret(secret("a"), at(0));
        assert!(matches!(refused, Err(Error::InvalidRequest { field: "client_id", .. })));
    }
}
