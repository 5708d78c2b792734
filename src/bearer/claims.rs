//! What a token is good for.

use std::{collections::HashMap, time::SystemTime};

/// What an access token is good for (RFC 7662 §2.2), as the token service told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The client that the token was issued to.
    pub client_id: String,
    /// Who the token speaks for: a user's unchanging id, or the client's.
    pub subject: String,
    /// The user's login name, for people to read. `None` when the subject is the client itself.
    pub username: Option<String>,
    /// What it allows, in order.
    pub scopes: Vec<String>,
    /// The services that it is meant for.
    pub audience: Vec<String>,
    /// When it was made, by the server's clock.
    pub issue_time: Option<SystemTime>,
    /// When it ends, by the server's clock.
    pub expire_time: Option<SystemTime>,
    /// Its grant: no secret, and what to look for in logs.
    pub grant_id: String,
    /// Facts about the user and the client.
    pub attributes: HashMap<String, String>,
}

impl Claims {
    /// Whether `scope` is allowed.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Whether the token is meant for `service` (RFC 9700 §2.3).
    pub fn is_for(&self, service: &str) -> bool {
        self.audience.iter().any(|name| name == service)
    }
}
