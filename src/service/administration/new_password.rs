//! Judges passwords and secrets that are about to be set.

use crate::{
    domain::{
        client_id::ClientId, error::Error, invalid::Invalid, secret::Secret, user_name::UserName,
    },
    service::Service,
    store::Store,
};

impl<S: Store> Service<S> {
    /// Checks that `password` may become that of the user called `name`. Its [`Secret::prepared`]
    /// form is hashed then, which a login compares.
    ///
    /// # Errors
    /// `TooWeak`, of the field `password`; its text shows nothing of it.
    pub fn check_new_password(&self, name: &UserName, password: &Secret) -> Result<(), Error> {
        let checked = self.password_rules.check(name, password);
        checked.map_err(|weakness| Error::TooWeak { field: "password", weakness })
    }

    /// Checks that `secret` may become one of the client's.
    ///
    /// # Errors
    /// `TooWeak`, of the field `client_secret`; its text shows nothing of it.
    pub(in crate::service) fn check_new_secret(
        &self,
        client: &ClientId,
        secret: &Secret,
    ) -> Result<(), Error> {
        let checked = self.secret_rules.check(client, secret);
        checked.map_err(|weakness| Error::TooWeak { field: "client_secret", weakness })
    }
}

/// The text of a new password or chosen secret that is hashed.
///
/// # Errors
/// `InvalidRequest` of `field` for one that has none; its text shows nothing of it.
pub fn prepared(field: &'static str, secret: &Secret) -> Result<Secret, Error> {
    secret.prepared().map_err(|Invalid(problem)| Error::InvalidRequest { field, problem })
}
