//! Judges passwords and secrets that are about to be set.

use crate::domain::{
    client_id::ClientId, error::Error, invalid::Invalid, password_rules::PasswordRules,
    secret::Secret, secret_rules::SecretRules, user_name::UserName,
};

/// Checks that `password` may become that of the user called `name`. Its [`Secret::prepared`] form is
/// hashed then, which a login compares.
///
/// # Errors
/// `TooWeak`, of the field `password`; its text shows nothing of it.
pub(super) fn check_new_password(
    rules: PasswordRules,
    name: &UserName,
    password: &Secret,
) -> Result<(), Error> {
    let checked = rules.check(name, password);
    checked.map_err(|weakness| Error::TooWeak { field: "password", weakness })
}

/// Checks that `secret` may become one of the client's.
///
/// # Errors
/// `TooWeak`, of the field `client_secret`; its text shows nothing of it.
pub(super) fn check_new_secret(
    rules: SecretRules,
    client: &ClientId,
    secret: &Secret,
) -> Result<(), Error> {
    let checked = rules.check(client, secret);
    checked.map_err(|weakness| Error::TooWeak { field: "client_secret", weakness })
}

/// The text of a new password or chosen secret that is hashed.
///
/// # Errors
/// `InvalidRequest` of `field` for one that has none; its text shows nothing of it.
pub fn prepared(field: &'static str, secret: &Secret) -> Result<Secret, Error> {
    secret.prepared().map_err(|Invalid(problem)| Error::InvalidRequest { field, problem })
}
