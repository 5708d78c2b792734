//! Judges passwords that are about to be set.

use super::Service;
use crate::{
    domain::{error::Error, secret::Secret, user_name::UserName},
    store::Store,
};

impl<S: Store> Service<S> {
    /// Whether `password` may become that of the user called `name`. Whoever hashes it then hashes
    /// its [`Secret::normalised`] form, which is what logging in compares.
    ///
    /// # Errors
    /// `InvalidRequest` of the field `password`; its text shows nothing of it.
    pub fn check_new_password(&self, name: &UserName, password: &Secret) -> Result<(), Error> {
        let checked = self.password_rules.check(name, password);
        checked.map_err(|invalid| Error::InvalidRequest { field: "password", problem: invalid.0 })
    }
}
