//! The states of other records that a write rests on.

use super::{Stored, Version};
use crate::domain::{
    client::Client, client_id::ClientId, grant::Grant, grant_id::GrantId, subject::UserId,
    user::User,
};

/// A state of another record that a write was decided on: the record's key and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Premise {
    /// A state of a grant.
    Grant(GrantId, Version),
    /// A state of a client.
    Client(ClientId, Version),
    /// A state of a user.
    User(UserId, Version),
}

impl From<&Stored<Grant>> for Premise {
    fn from(grant: &Stored<Grant>) -> Self {
        Self::Grant(grant.id, grant.version())
    }
}

impl From<&Stored<Client>> for Premise {
    fn from(client: &Stored<Client>) -> Self {
        Self::Client(client.id.clone(), client.version())
    }
}

impl From<&Stored<User>> for Premise {
    fn from(user: &Stored<User>) -> Self {
        Self::User(user.id, user.version())
    }
}
