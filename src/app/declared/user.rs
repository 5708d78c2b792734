//! Applies one declared user.

use super::{
    field::{Typed, apply_chosen},
    removed::is_back,
};
use crate::{
    config::{DeclaredPassword, DeclaredUser},
    domain::{
        declared::{Declared, is_new},
        entropy::Entropy,
        epoch::Epoch,
        error::Error,
        time::Timestamp,
        user::{PasswordHash, User},
    },
    service::HashPool,
};

/// The record that `declaration` makes of `existing`, or of a new user.
///
/// # Errors
/// When the password cannot be hashed.
pub async fn apply_user(
    declaration: &DeclaredUser,
    existing: Option<&User>,
    hashes: &HashPool,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<User, Error> {
    let typed = Typed { hashes, unchanged: false };
    merge_user(declaration, existing, typed, entropy, now).await
}

/// [`apply_user`], for whom the passwords in clear may be known to be the ones last applied.
pub(super) async fn merge_user(
    declaration: &DeclaredUser,
    existing: Option<&User>,
    typed: Typed<'_>,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<User, Error> {
    // A password that is declared is set below.
    let blank = User::new(declaration.name.clone(), PasswordHash::none(), entropy, now);
    let before = existing.unwrap_or(&blank);
    let mut user = before.clone();
    if is_back(&mut user.declared) {
        user.disabled = false;
    }
    if let Some(password) = apply_password(&declaration.password, &mut user.declared, typed).await?
    {
        user.password = password;
        user.epoch = Epoch::generate(entropy);
    }
    user.apply_declared(declaration.patch.clone());
    Ok(user.following(before, entropy, now))
}

/// The password to set, if it is another than the one last applied.
async fn apply_password(
    password: &DeclaredPassword,
    declared: &mut Declared,
    typed: Typed<'_>,
) -> Result<Option<PasswordHash>, Error> {
    const FIELD: &str = "password";
    match password {
        DeclaredPassword::Clear(password) => {
            let hash = apply_chosen(declared, FIELD, password, typed).await?;
            Ok(hash.map(PasswordHash))
        }
        DeclaredPassword::Hash(hash) => {
            Ok(Some(hash.clone()).filter(|hash| is_new(declared, FIELD, Some(hash))))
        }
        DeclaredPassword::Nothing => {
            is_new::<PasswordHash>(declared, FIELD, None);
            Ok(None)
        }
    }
}
