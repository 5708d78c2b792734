//! The claims of a token.

use std::{collections::HashMap, time::SystemTime};

use super::{Confirmation, PeerCertificate};
use crate::domain::confirmation::may_show;

/// Claims of an access token (RFC 7662 §2.2), as the token service returned them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The client that the token was issued to.
    pub client_id: String,
    /// Subject of the token: a user's unchanging id, or the client's id.
    pub subject: String,
    /// The user's login name for display. `None` if the subject is the client itself.
    pub username: Option<String>,
    /// Scopes of the token, in order.
    pub scopes: Vec<String>,
    /// The services that the token is for.
    pub audience: Vec<String>,
    /// Time of issue, by the server's clock.
    pub issue_time: Option<SystemTime>,
    /// Time of expiry, by the server's clock.
    pub expire_time: Option<SystemTime>,
    /// The id of the token's grant. It is no secret and appears in logs.
    pub grant_id: String,
    /// Facts about the user and the client.
    pub attributes: HashMap<String, String>,
    /// The clients that act for the subject (`act`, RFC 8693 §4.1): the present one first. Empty for a token
    /// that came of no exchange.
    pub actors: Vec<String>,
    /// The grants that the token's grant came of by token exchange: its parent first, the login last.
    pub ancestors: Vec<AncestorGrant>,
    /// Proof that its bearer must show, if the token is bound to its holder (`cnf`, RFC 8705 §3).
    pub confirmation: Option<Confirmation>,
}

/// A grant that another one came of. Neither id is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AncestorGrant {
    /// The id of the grant.
    pub grant_id: String,
    /// The client that it was issued to.
    pub client_id: String,
}

impl Claims {
    /// Returns `true` if the token has `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Returns `true` if the peer of a connection may show the token: it is not bound, or bound to `peer`.
    pub fn may_be_shown_by(&self, peer: Option<&PeerCertificate>) -> bool {
        may_show(self.confirmation.as_ref(), peer)
    }

    /// Returns `true` if the token is for `service` (RFC 9700 §2.3).
    pub fn is_for(&self, service: &str) -> bool {
        self.audience.iter().any(|name| name == service)
    }
}
