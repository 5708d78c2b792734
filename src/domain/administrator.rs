//! Clients that administer: how surely, and what makes a client one.

use super::{
    audience::Audience,
    client::{Client, ClientType, IntrospectReach},
    client_id::{ClientId, SELF_AUDIENCE},
    client_secret::{ClientSecret, StoredSecret},
    entropy::Entropy,
    epoch::Epoch,
    grant_type::GrantType,
    permission::Permission,
    time::Timestamp,
};

/// Degrees of certainty that a client administers, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Administers {
    /// It may not, or has nothing to authenticate by.
    Not,
    /// Until its last secret or key ends.
    ForAWhile,
    /// Until a client is changed.
    Lastingly,
}

impl Client {
    /// Returns with which certainty the client can do everything in `AdminService`: it is
    /// confidential, enabled, has the permission and something to authenticate by.
    pub fn administers(&self, now: Timestamp) -> Administers {
        let confidential = self.client_type == ClientType::Confidential;
        if !self.permissions.holds(Permission::Admin) || !confidential || self.disabled {
            return Administers::Not;
        }
        let mut live = self.secrets.iter().filter(|secret| secret.is_live(now)).peekable();
        let mut keys = self.live_keys(now).peekable();
        let vouched = !self.certificates.is_empty() || !self.identities.is_empty();
        if live.peek().is_none() && keys.peek().is_none() && !vouched {
            return Administers::Not;
        }
        let lasts = vouched
            || live.any(|held| held.expire_time.is_none())
            || keys.any(|key| key.expire_time.is_none());
        if lasts { Administers::Lastingly } else { Administers::ForAWhile }
    }

    /// A new client that may do everything, with this secret alone.
    pub fn administrator(
        id: ClientId,
        stored: StoredSecret,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Self {
        Self {
            grant_types: [GrantType::ClientCredentials].into_iter().collect(),
            audience: for_jeton(),
            introspect: IntrospectReach::Any,
            permissions: [Permission::Admin, Permission::InactiveReason].into_iter().collect(),
            secrets: vec![only(stored, now)],
            ..Self::new(id, ClientType::Confidential, entropy, now)
        }
    }

    /// The client as an administrator that is enabled, with this secret alone. The grants of before end,
    /// since they may be those of who had the secrets of before, as may its keys; its certificates and
    /// identities stay.
    #[must_use]
    pub fn reset_as_administrator(
        &self,
        stored: StoredSecret,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Self {
        Self {
            client_type: ClientType::Confidential,
            secrets: vec![only(stored, now)],
            keys: Vec::new(),
            permissions: self.permissions.with(Permission::Admin),
            disabled: false,
            epoch: Epoch::generate(entropy),
            update_time: now,
            ..self.clone()
        }
    }
}

fn for_jeton() -> Audience {
    Audience::from_names([SELF_AUDIENCE]).expect("a constant that is an audience")
}

fn only(stored: StoredSecret, now: Timestamp) -> ClientSecret {
    ClientSecret { stored, create_time: now, expire_time: None, made_by: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{certificate::CertificateIdentity, secret_rotation::NewSecret};

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn secret(name: &str) -> StoredSecret {
        StoredSecret::Chosen(name.into())
    }

    fn admin() -> Client {
        let id = ClientId::parse("admin").expect("a client id");
        Client::administrator(id, secret("a"), &Fixed(1), NOW)
    }

    #[test]
    fn who_administers_has_the_permission_and_something_that_lasts_to_authenticate_by() {
        let admin = admin();
        assert_eq!(admin.check(&admin, crate::domain::signing_times::JwtLife::default()), Ok(()));
        assert_eq!(admin.administers(NOW), Administers::Lastingly);
        for not in [
            Client { disabled: true, ..admin.clone() },
            Client { secrets: Vec::new(), ..admin.clone() },
            Client { client_type: ClientType::Public, ..admin.clone() },
            Client { permissions: [Permission::Users].into_iter().collect(), ..admin.clone() },
        ] {
            assert_eq!(not.administers(NOW), Administers::Not, "{not:?}");
        }
        let short = NewSecret {
            stored: secret("b"),
            ttl: Some(HOUR),
            previous_ttl: Duration::ZERO,
            mark: None,
        };
        let ending = admin.with_secret(short, NOW).expect("a secret");
        assert_eq!(ending.administers(NOW), Administers::ForAWhile);
        assert_eq!(ending.administers(NOW.after(HOUR)), Administers::Not);
        let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let certified = Client { certificates: vec![certificate], ..ending };
        assert_eq!(certified.administers(NOW.after(HOUR)), Administers::Lastingly);
    }

    #[test]
    fn a_client_that_is_reset_administers_by_the_new_secret_alone_and_its_grants_end() {
        let before = admin();
        let lost = Client {
            disabled: true,
            client_type: ClientType::Public,
            permissions: [Permission::Backup].into_iter().collect(),
            ..before.clone()
        };
        let reset = lost.reset_as_administrator(secret("b"), &Fixed(2), NOW.after(HOUR));
        assert_eq!(reset.administers(NOW.after(HOUR)), Administers::Lastingly);
        assert_eq!(reset.secrets, [only(secret("b"), NOW.after(HOUR))]);
        assert!(reset.permissions.holds(Permission::Backup));
        assert_ne!(reset.epoch, before.epoch);
    }
}
