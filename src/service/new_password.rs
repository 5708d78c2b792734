//! Judges passwords and secrets that are about to be set.

use super::Service;
use crate::{
    domain::{error::Error, invalid::Invalid, secret::Secret, user_name::UserName},
    store::Store,
};

impl<S: Store> Service<S> {
    /// Whether `password` may become that of the user called `name`. Whoever hashes it then hashes
    /// its [`Secret::prepared`] form, which is what logging in compares.
    ///
    /// # Errors
    /// `InvalidRequest` of the field `password`; its text shows nothing of it.
    pub fn check_new_password(&self, name: &UserName, password: &Secret) -> Result<(), Error> {
        let checked = self.password_rules.check(name, password);
        checked.map_err(|invalid| Error::InvalidRequest { field: "password", problem: invalid.0 })
    }
}

/// The text of a new password or chosen secret that is hashed.
///
/// # Errors
/// `InvalidRequest` of `field` for one that has none; its text shows nothing of it.
pub fn prepared(field: &'static str, secret: &Secret) -> Result<Secret, Error> {
    secret.prepared().map_err(|Invalid(problem)| Error::InvalidRequest { field, problem })
}
