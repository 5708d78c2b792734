//! What a token is good for.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost_types::Timestamp;

use crate::proto::v1::IntrospectResponse;

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

impl From<IntrospectResponse> for Claims {
    /// Of an answer that says that the token is active.
    fn from(answer: IntrospectResponse) -> Self {
        Self {
            client_id: answer.client_id,
            subject: answer.subject,
            username: Some(answer.username).filter(|name| !name.is_empty()),
            scopes: answer.scopes,
            audience: answer.audience,
            issue_time: answer.issue_time.as_ref().and_then(time),
            expire_time: answer.expire_time.as_ref().and_then(time),
            grant_id: answer.grant_id,
            attributes: answer.attributes,
        }
    }
}

/// `None` before 1970 and for what is no time: the service never says such.
fn time(timestamp: &Timestamp) -> Option<SystemTime> {
    let seconds = timestamp.seconds.try_into().ok()?;
    let nanos = timestamp.nanos.try_into().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
}
