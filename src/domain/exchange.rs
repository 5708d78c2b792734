//! The transition that makes a grant of another one, or of an ID token: token exchange (RFC 8693).

use std::slice::from_ref;

use super::{
    cause::Cause,
    client::Client,
    client_id::ClientId,
    delegation::{Ancestor, Delegation},
    error::Error,
    grant::{AccessSlot, Grant},
    judge::Active,
    scopes::Scopes,
    time::Timestamp,
};

/// A subject token that a client asks to exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeRequest<'a> {
    /// The grant of the subject token.
    pub grant: &'a Grant,
    /// Content of the subject token, which is active.
    pub subject_token: Active<'a>,
    /// The client that the subject token was issued to.
    pub holder: &'a Client,
    /// The client that exchanges it.
    pub client: &'a Client,
    /// Scopes that are asked; empty: those of the subject token that the client is allowed.
    pub scopes: &'a Scopes,
}

/// Content of the new grant that comes of the exchanged one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Its origin.
    pub delegation: Delegation,
    /// Its scopes.
    pub scopes: Scopes,
    /// Its end at the latest: that of the subject token.
    pub expire_time: Timestamp,
}

/// A subject token that is no good for the client. One text for all reasons: others would reveal something of tokens
/// that are not meant for it (RFC 8693 §2.2.2 `invalid_request`).
pub const BAD_SUBJECT_TOKEN: Error = Error::InvalidRequest {
    field: "subject_token",
    problem: "must be an active access token of a user, for this client, which may act for the user",
};

/// An actor token that is not the client's own.
pub const BAD_ACTOR_TOKEN: Error = Error::InvalidRequest {
    field: "actor_token",
    problem: "must be an active access token that this client got for itself",
};

impl Exchanged {
    /// Content of a grant that comes of an ID token of a trusted issuer, by which `client` acts for its person.
    /// It came of no grant here. Empty scopes stand for the client's default.
    ///
    /// # Errors
    /// `BadSubjectToken` for an ID token that ends sooner than an access token can.
    pub fn of_id_token(
        client: &Client,
        scopes: &Scopes,
        expire_time: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if expire_time.since(now) < AccessSlot::SHORTEST {
            return Err(Error::BadSubjectToken(Cause::Expired));
        }
        let scopes = if scopes.is_empty() { &client.default_scopes } else { scopes };
        let actors = Box::from([client.id.clone()]);
        let delegation = Delegation { ancestors: Box::default(), actors };
        Ok(Self { delegation, scopes: scopes.clone(), expire_time })
    }
}

impl ExchangeRequest<'_> {
    /// Checks the exchange, and returns what the new grant may be.
    ///
    /// # Errors
    /// `InvalidRequest` for a subject token that the client may not exchange, or that was exchanged too often;
    /// `InvalidScope` for more than the subject token has or the client is allowed, and for nothing.
    pub fn check(&self, now: Timestamp) -> Result<Exchanged, Error> {
        let Self { grant, subject_token, holder, client, .. } = *self;
        let may_act = holder.may_act.is_empty() || holder.may_act.names_client(&client.id);
        let is_for_client = subject_token.audience.names_client(&client.id);
        // A token that is good at this service itself would let its holder act here for the user.
        let is_for_jeton = subject_token.audience.names_jeton();
        let left = subject_token.expire_time.since(now);
        let of_user = grant.subject.user_id().is_some();
        let fits = may_act && is_for_client && !is_for_jeton && of_user;
        if !fits || left < AccessSlot::SHORTEST {
            return Err(BAD_SUBJECT_TOKEN);
        }
        Ok(Exchanged {
            delegation: self.delegation()?,
            scopes: self.narrowed()?,
            expire_time: subject_token.expire_time,
        })
    }

    fn narrowed(&self) -> Result<Scopes, Error> {
        let held = self.subject_token.scopes;
        let most = held.cut_to(&self.client.allowed_scopes);
        if self.scopes.is_empty() {
            let nothing_left = most.is_empty() && !held.is_empty();
            return if nothing_left { Err(Error::InvalidScope) } else { Ok(most) };
        }
        if self.scopes.is_within(&most) {
            Ok(self.scopes.clone())
        } else {
            Err(Error::InvalidScope)
        }
    }

    fn delegation(&self) -> Result<Delegation, Error> {
        let before = self.grant.delegation.as_deref();
        let parent = Ancestor { grant_id: self.grant.id, client_id: self.grant.client_id.clone() };
        let ancestors = before.map_or(&[][..], |before| &before.ancestors);
        // Each exchange has one, that of an ID token too.
        let actors: &[ClientId] = before.map_or(&[], |before| &before.actors);
        if actors.len() >= Delegation::MAX_DEPTH {
            let problem = "came of as many exchanges as are allowed";
            return Err(Error::InvalidRequest { field: "subject_token", problem });
        }
        Ok(Delegation {
            ancestors: [&[parent], ancestors].concat().into(),
            actors: [from_ref(&self.client.id), actors].concat().into(),
        })
    }
}

impl Grant {
    /// Notes that a token which came of this grant is issued to `client`, for the new grant's audience: the
    /// grant to write, `None` if its record has both.
    ///
    /// # Errors
    /// `InvalidRequest` if the grant has ended; `InvalidTarget` if too many clients or services have such
    /// tokens.
    pub fn delegated_to(&self, made: &Self) -> Result<Option<Self>, Error> {
        if self.end.is_some() {
            return Err(BAD_SUBJECT_TOKEN);
        }
        if self.delegates().cover(&made.client_id, &made.audience) {
            return Ok(None);
        }
        let next = self.delegates().with(&made.client_id, &made.audience);
        let delegates = next.ok_or(Error::InvalidTarget)?;
        Ok(Some(Self { delegates: delegates.kept(), ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        audience::Audience,
        client::ClientType,
        entropy::Entropy,
        epoch::Epoch,
        grant::Origin,
        grant_id::GrantId,
        grant_type::GrantType,
        issue::{IssueRequest, issue},
        key_ring::{KEY_BYTES, ServerKey},
        subject::{Subject, UserId},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SCOPES: [&str; 4] = ["a", "b", "c", "d"];

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(6);
        }
    }

    fn client(id: &str) -> Client {
        let id = ClientId::parse(id).expect("a client id");
        Client::new(id, ClientType::Confidential, &Fixed, NOW)
    }

    /// Those of the four whose bit is set.
    fn scopes(bits: u8) -> Scopes {
        let held = SCOPES.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        Scopes::from_values(held.map(|(_, scope)| *scope)).expect("scopes")
    }

    fn names(names: &[&str]) -> Audience {
        Audience::from_names(names.iter().copied()).expect("names")
    }

    fn made(id: u8, holder: &Client, exchanged: Option<Exchanged>) -> Grant {
        let id = GrantId::from_bytes([id; 16]);
        let of_user =
            Subject::User { id: UserId::from_bytes([1; 16]), epoch: Epoch::generate(&Fixed) };
        let request = IssueRequest {
            grant_type: if exchanged.is_some() {
                GrantType::TokenExchange
            } else {
                GrantType::Password
            },
            subject: of_user,
            scopes: Scopes::default(),
            audience: names(&["orders"]),
            access_ttl: None,
            request_id: None,
            origin: Origin::default(),
            signed_by: None,
            exchanged,
            confirmation: None,
        };
        let key = ServerKey::new(&[1; KEY_BYTES]);
        issue(id, &request, holder, &key, &Fixed, NOW).grant
    }

    fn exchange(
        grant: &Grant,
        holder: &Client,
        client: &Client,
        asked: &Scopes,
    ) -> Result<Exchanged, Error> {
        let access = &grant.current.access;
        let subject_token = Active {
            scopes: grant.scopes_of(access),
            audience: &grant.audience,
            issue_time: NOW,
            expire_time: access.expire_time,
        };
        ExchangeRequest { grant, subject_token, holder, client, scopes: asked }.check(NOW)
    }

    proptest! {
        #[test]
        fn an_exchange_never_adds_a_scope_or_a_moment(held: u8, allowed: u8, asked: u8) {
            let (held, allowed, asked) = (scopes(held), scopes(allowed), scopes(asked));
            let holder = Client { default_scopes: held.clone(), ..client("app") };
            let client = Client { allowed_scopes: allowed.clone(), ..client("orders") };
            let parent = made(1, &holder, None);
            match exchange(&parent, &holder, &client, &asked) {
                Ok(exchanged) => {
                    let given = &exchanged.scopes;
                    prop_assert!(given.is_within(&held) && given.is_within(&allowed));
                    prop_assert!(asked.is_empty() || given.same_as(&asked));
                    let child = made(2, &client, Some(exchanged));
                    prop_assert!(child.expire_time <= parent.current.access.expire_time);
                    prop_assert!(child.current.refresh.is_none());
                }
                Err(error) => {
                    prop_assert_eq!(error, Error::InvalidScope);
                    let most = held.cut_to(&allowed);
                    prop_assert!(!asked.is_within(&most) || (most.is_empty() && !held.is_empty()));
                }
            }
        }
    }

    #[test]
    fn a_chain_keeps_all_that_it_came_of_and_ends_at_four() {
        let orders = client("orders");
        let mut grant = made(0, &client("app"), None);
        let mut holder = client("app");
        for depth in 1..=4_u8 {
            let exchanged = exchange(&grant, &holder, &orders, &Scopes::default());
            grant = made(depth, &orders, Some(exchanged.expect("exchanged")));
            holder = orders.clone();
            let delegation = grant.delegation.clone().expect("its origin");
            assert_eq!(delegation.ancestors.len(), usize::from(depth));
            assert_eq!(
                delegation.parent().map(|one| one.grant_id),
                Some(GrantId::from_bytes([depth - 1; 16]))
            );
            assert_eq!(
                delegation.root().map(|one| one.grant_id),
                Some(GrantId::from_bytes([0; 16]))
            );
        }
        let fifth = exchange(&grant, &holder, &orders, &Scopes::default());
        assert!(matches!(fifth, Err(Error::InvalidRequest { .. })), "{fifth:?}");
    }

    #[test]
    fn who_may_act_is_said_by_the_client_of_the_token_and_by_its_audience() {
        let grant = made(1, &client("app"), None);
        let lets = |may_act: &[&str]| Client { may_act: names(may_act), ..client("app") };
        let (orders, all) = (client("orders"), Scopes::default());
        for may_act in [&[][..], &["orders"], &["billing", "orders"]] {
            assert!(exchange(&grant, &lets(may_act), &orders, &all).is_ok(), "{may_act:?}");
        }
        let refused = exchange(&grant, &lets(&["billing"]), &orders, &all);
        assert_eq!(refused, Err(BAD_SUBJECT_TOKEN));
        let other = exchange(&grant, &lets(&[]), &client("billing"), &all);
        assert_eq!(other, Err(BAD_SUBJECT_TOKEN), "not in the audience");
        let for_jeton = Grant { audience: names(&["orders", "jeton"]), ..grant };
        assert_eq!(exchange(&for_jeton, &lets(&[]), &orders, &all), Err(BAD_SUBJECT_TOKEN));
    }

    #[test]
    fn a_grant_names_each_holder_once_and_no_more_than_fit() {
        let mut grant = made(1, &client("app"), None);
        let made = made(2, &client("orders"), None);
        grant = grant.delegated_to(&made).expect("room").expect("to be written");
        assert_eq!(grant.delegated_to(&made), Ok(None));
        for number in 0..31 {
            let audience = names(&[format!("service-{number}").as_str()]);
            let next = Grant { audience, ..made.clone() };
            grant = grant.delegated_to(&next).expect("room").expect("to be written");
        }
        let next = Grant { audience: names(&["one-more"]), ..made.clone() };
        assert_eq!(grant.delegated_to(&next), Err(Error::InvalidTarget));
        let ended = grant.ended(crate::domain::grant::EndCause::Revoked, NOW);
        assert_eq!(ended.delegated_to(&made), Err(BAD_SUBJECT_TOKEN));
    }
}
