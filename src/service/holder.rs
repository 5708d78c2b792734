//! Names those who share what there is little of: clients, users, addresses.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::domain::{attempts::AttemptsId, client_id::ClientId};

/// Holder of a share. It has one size, for names of any length that strangers give themselves, and
/// two kinds of holders are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Holder([u8; 16]);

impl Holder {
    /// An authenticated client, or one that may call by its name alone.
    pub(super) fn client(id: &ClientId) -> Self {
        Self::named("client", id.as_str().as_bytes())
    }

    /// A client that is not authenticated yet, by the name in the request.
    pub(super) fn claimed(client_id: &str) -> Self {
        Self::named("claimed client", client_id.as_bytes())
    }

    /// A name at a client, whether or not there is such a user.
    pub(super) fn name(id: AttemptsId) -> Self {
        Self::named("name", id.as_bytes())
    }

    /// The peer's address.
    pub(super) fn address(address: Option<IpAddr>) -> Self {
        Self::named("address", Place::of(address).as_bytes())
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self::named("both", &[self.0, other.0].concat())
    }

    /// The zero byte ends the kind, which has none.
    fn named(kind: &str, name: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name);
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }
}

/// Where a peer is: its address, or the /64 network of an IPv6 address, which is one subscriber's (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place([u8; 9]);

impl Place {
    /// The place of an address, or the one of all peers without any.
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        let mut place = [0; 9];
        match address.map(|address| address.to_canonical()) {
            None => {}
            Some(IpAddr::V4(address)) => {
                place[0] = 4;
                place[1..=4].copy_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                place[0] = 6;
                place[1..].copy_from_slice(&address.octets()[..8]);
            }
        }
        Self(place)
    }

    /// Returns the bytes that distinguish it from all others.
    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A waiter's place in a [`FairQueue`](super::fair_queue::FairQueue): parties take turns, and so do
/// the members of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) party: Holder,
    pub(super) member: Holder,
}

impl Account {
    /// The server itself: what it does for nobody in particular.
    pub(super) fn server() -> Self {
        let server = Holder::named("server", &[]);
        Self { party: server, member: server }
    }

    /// Those who say that they are clients, from somewhere: all of them are one party.
    pub(super) fn stranger(address: Holder) -> Self {
        Self { party: Holder::named("strangers", &[]), member: address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Holder {
        Holder::address(Some(address.parse().expect("an address")))
    }

    #[test]
    fn an_ipv6_network_is_one_holder_and_an_ipv4_address_is_one_in_either_form() {
        assert_eq!(at("2001:db8:0:1::1"), at("2001:db8:0:1:ffff::2"));
        assert_ne!(at("2001:db8:0:1::1"), at("2001:db8:0:2::1"));
        assert_eq!(at("192.0.2.1"), at("::ffff:192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_ne!(at("192.0.2.1"), Holder::address(None));
    }

    #[test]
    fn holders_of_two_kinds_are_never_the_same() {
        let id = ClientId::parse("orders").expect("an id");
        assert_ne!(Holder::client(&id), Holder::claimed("orders"));
        assert_ne!(Holder::claimed("a").and(Holder::claimed("b")), Holder::claimed("ab"));
    }
}
