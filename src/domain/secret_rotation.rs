//! How a client's secrets follow each other: at most two live ones, so that nobody is locked out meanwhile.

use std::time::Duration;

use super::{
    client::{Client, ClientType},
    client_secret::{ClientSecret, StoredSecret},
    error::Error,
    time::Timestamp,
};

/// A secret to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// How it is recognised.
    pub stored: StoredSecret,
    /// Its life; `None` for ever.
    pub ttl: Option<Duration>,
    /// For how long the newest secret before it stays good, unless it expires before.
    pub previous_ttl: Duration,
}

impl Client {
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
        let added = ClientSecret { stored: new.stored, create_time: now, expire_time };
        let secrets = kept.filter(|kept| kept.is_live(now)).into_iter().chain([added]).collect();
        Ok(Self { secrets, update_time: now, ..self.clone() })
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
        NewSecret { stored, ttl: None, previous_ttl: 24 * HOUR }
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
    fn a_public_client_gets_none() {
        let refused = client(ClientType::Public).with_secret(secret("a"), at(0));
        assert!(matches!(refused, Err(Error::InvalidRequest { field: "client_id", .. })));
    }
}
