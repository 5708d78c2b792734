//! Selection of grants: of a subject, of a client, or of both.

use super::{
    client_id::{ClientId, USER_PREFIX},
    grant::Grant,
    invalid::Invalid,
    subject::{Subject, UserId},
};

/// The subject of grants, as an administrator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// A user.
    User(UserId),
    /// A client that asked for itself.
    Client(ClientId),
}

impl SubjectName {
    /// Reads a user's id, or that of a client.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FAULT: Invalid = Invalid("must be a user_id or a client_id");
        if text.starts_with(USER_PREFIX) {
            return UserId::parse(text).map(Self::User).ok_or(FAULT);
        }
        ClientId::parse(text).map(Self::Client).map_err(|_| FAULT)
    }
}

/// Grants of a subject, of a client, or of both: then those that match both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantSelector {
    /// Those that speak for this subject.
    Subject(SubjectName),
    /// Grants of this client, for every subject.
    Client(ClientId),
    /// Those that speak for this subject and were issued to this client.
    Both(SubjectName, ClientId),
}

impl GrantSelector {
    /// Joins what is given; `None` when nothing is.
    pub fn new(subject: Option<SubjectName>, client: Option<ClientId>) -> Option<Self> {
        match (subject, client) {
            (None, None) => None,
            (Some(subject), None) => Some(Self::Subject(subject)),
            (None, Some(client)) => Some(Self::Client(client)),
            (Some(subject), Some(client)) => Some(Self::Both(subject, client)),
        }
    }

    /// Returns whether `grant` is selected.
    pub fn matches(&self, grant: &Grant) -> bool {
        match self {
            Self::Subject(subject) => speaks_for(grant, subject),
            Self::Client(client) => grant.client_id == *client,
            Self::Both(subject, client) => speaks_for(grant, subject) && grant.client_id == *client,
        }
    }
}

fn speaks_for(grant: &Grant, subject: &SubjectName) -> bool {
    match (&grant.subject, subject) {
        (Subject::User { id, .. }, SubjectName::User(user)) => id == user,
        (Subject::Client, SubjectName::Client(client)) => grant.client_id == *client,
        (Subject::User { .. }, SubjectName::Client(_))
        | (Subject::Client, SubjectName::User(_)) => false,
    }
}
