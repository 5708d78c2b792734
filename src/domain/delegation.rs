//! Delegation: the grants that a grant came of by token exchange (RFC 8693), and the holders of those that
//! came of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{audience::Audience, client_id::ClientId, grant_id::GrantId};

/// A grant that another one came of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// The grant.
    pub grant_id: GrantId,
    /// The client that it was issued to.
    pub client_id: ClientId,
}

/// Origin of a grant that came of another one, or of an ID token. Such a grant is alive only while each of its
/// ancestors is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The grants that it came of: its parent first, the login last. At most [`Self::MAX_DEPTH`]; none for one
    /// that came of an ID token.
    pub ancestors: Box<[Ancestor]>,
    /// The clients that act for the subject (`act`, RFC 8693 §4.1): the present one first.
    pub actors: Box<[ClientId]>,
}

impl Delegation {
    /// Most exchanges between a login and a grant.
    pub const MAX_DEPTH: usize = 4;

    /// The grant that was exchanged.
    pub fn parent(&self) -> Option<&Ancestor> {
        self.ancestors.first()
    }

    /// The login at the beginning.
    pub fn root(&self) -> Option<&Ancestor> {
        self.ancestors.last()
    }
}

/// Holders of the tokens that came of a grant, directly or not. Written to its record before such a token is
/// issued, so that the event of its end names everybody who may keep an answer about one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegates {
    /// The clients that such tokens were issued to.
    pub clients: BTreeSet<ClientId>,
    /// The services that they are meant for.
    pub services: BTreeSet<Box<str>>,
}

static NONE: Delegates = Delegates { clients: BTreeSet::new(), services: BTreeSet::new() };

impl Delegates {
    /// Most clients, and most services: the record stays small.
    pub const MAX: usize = 32;

    /// Returns the holders that a record keeps, of `None` none.
    pub fn of(kept: Option<&Self>) -> &Self {
        kept.unwrap_or(&NONE)
    }

    /// Returns whether nothing came of the grant.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.services.is_empty()
    }

    /// Returns the holders as a record keeps them: `None` if there are none.
    pub fn kept(self) -> Option<Box<Self>> {
        (!self.is_empty()).then(|| Box::new(self))
    }

    /// Returns whether `client` and the services of `audience` are among the holders.
    pub fn cover(&self, client: &ClientId, audience: &Audience) -> bool {
        self.clients.contains(client) && audience.names().all(|name| self.services.contains(name))
    }

    /// The holders, with `client` and the services of `audience`; `None` beyond [`Self::MAX`].
    pub fn with(&self, client: &ClientId, audience: &Audience) -> Option<Self> {
        let mut next = self.clone();
        next.clients.insert(client.clone());
        next.services.extend(audience.names().map(Into::into));
        let fits = next.clients.len().max(next.services.len()) <= Self::MAX;
        fits.then_some(next)
    }
}
