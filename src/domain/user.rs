//! The user record: a login name, a password hash and attributes for introspection.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    attributes::Attributes, declared::Declared, epoch::Epoch, subject::UserId, time::Timestamp,
    user_identity::UserIdentity, user_name::UserName, vouched::Vouched,
};

/// An argon2id PHC string; empty for a user without a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(pub Box<str>);

impl PasswordHash {
    /// The hash of no password: nothing matches it.
    pub fn none() -> Self {
        Self("".into())
    }

    /// The PHC string, if there is a password.
    pub fn phc(&self) -> Option<&str> {
        Some(&*self.0).filter(|phc| !phc.is_empty())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A user who can log in with a password, or with ID tokens of trusted issuers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The subject of the user's grants.
    #[serde(skip, default = "unnamed")]
    pub id: UserId,
    /// The login name: one user per name.
    pub name: UserName,
    /// Hash of the password.
    pub password: PasswordHash,
    /// Identities of trusted issuers, whose ID tokens log the user in: at most [`UserIdentity::MAX`].
    /// Written behind the record, and only where there are some.
    #[serde(skip)]
    pub identities: Vec<UserIdentity>,
    /// Permissions that the last login with an ID token has given. Written behind the record.
    #[serde(skip)]
    pub vouched: Option<Vouched>,
    /// Attributes in introspection responses.
    pub attributes: Attributes,
    /// When the record was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// Moving it ends every grant of the user.
    pub epoch: Epoch,
    /// Cannot log in, and the user's grants are dead.
    pub disabled: bool,
    /// Declaration that the settings file last applied.
    pub declared: Declared,
}

/// The record's key names the user; the decoder puts it in place of this.
fn unnamed() -> UserId {
    UserId::from_bytes([0; 16])
}
