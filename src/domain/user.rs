//! The user record: a login name, a password hash and attributes for introspection.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    attributes::Attributes, declared::Declared, epoch::Epoch, subject::UserId, time::Timestamp,
    user_name::UserName,
};

/// An argon2id PHC string.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(pub Box<str>);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A user who can log in with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The subject of the user's grants.
    #[serde(skip, default = "unnamed")]
    pub id: UserId,
    /// The login name: one user per name.
    pub name: UserName,
    /// Hash of the password.
    pub password: PasswordHash,
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
