//! Applies one declared user.

use super::{
    field::{Typed, apply, apply_chosen},
    removed::is_back,
};
use crate::{
    config::{DeclaredPassword, DeclaredUser},
    domain::{
        client::Declared,
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
    let mut declared = existing.map(|user| user.declared.clone()).unwrap_or_default();
    let back = is_back(&mut declared);
    let password = apply_password(&declaration.password, &mut declared, typed).await?;
    let mut user = match existing {
        Some(existing) => existing.clone(),
        // A password is always declared, so a new user's is set below.
        None => User::new(declaration.name.clone(), PasswordHash("".into()), entropy, now),
    };
    if back {
        user.disabled = false;
    }
    let mut ended = false;
    if let Some(password) = password {
        user.password = password;
        ended = existing.is_some();
    }
    apply(&mut declared, "attributes", declaration.attributes.as_ref(), |v| user.attributes = v);
    apply(&mut declared, "disabled", declaration.disabled.as_ref(), |v| {
        ended |= v && !user.disabled;
        user.disabled = v;
    });
    user.declared = declared;
    if ended {
        user.epoch = Epoch::generate(entropy);
    }
    if existing != Some(&user) {
        user.update_time = now;
    }
    Ok(user)
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
            let mut changed = None;
            apply(declared, FIELD, Some(hash), |hash| changed = Some(hash));
            Ok(changed)
        }
    }
}
