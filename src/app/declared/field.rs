//! Whether a declared value is another than the one last applied.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::domain::{client::Declared, error::Error, secret::Secret};
use crate::service::{HashPool, prepared};

/// Applies a plain value through `apply` when it changed; an undeclared one is forgotten, so that
/// declaring it again applies it again.
pub(super) fn apply<T: Serialize + Clone>(
    declared: &mut Declared,
    field: &'static str,
    value: Option<&T>,
    apply: impl FnOnce(T),
) -> bool {
    let Some(value) = value else {
        declared.remove(field);
        return false;
    };
    let fingerprint = fingerprint(value);
    if declared.get(field) == Some(&fingerprint) {
        return false;
    }
    declared.insert(field.into(), fingerprint);
    apply(value.clone());
    true
}

/// What is known of the secrets in clear, and what hashes them.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    /// What hashes and verifies.
    pub(super) hashes: &'a HashPool,
    /// Whether each of them is known to be the one last applied.
    pub(super) unchanged: bool,
}

/// The hash to set for a secret that somebody chose, or `None` when it is the one last applied.
/// Nothing faster than argon2 may be kept of it.
pub(super) async fn apply_chosen(
    declared: &mut Declared,
    field: &'static str,
    secret: &Secret,
    typed: Typed<'_>,
) -> Result<Option<Box<str>>, Error> {
    let Typed { hashes, unchanged } = typed;
    let last = declared.get(field).and_then(|last| std::str::from_utf8(last).ok());
    if let Some(last) = last
        && (unchanged || hashes.verify(secret, last).await?)
    {
        return Ok(None);
    }
    let hash = hashes.hash(prepared(field, secret)?).await?;
    declared.insert(field.into(), hash.as_bytes().into());
    Ok(Some(hash))
}

fn fingerprint<T: Serialize>(value: &T) -> Box<[u8]> {
    let bytes = postcard::to_allocvec(value).expect("a value in memory always has an encoding");
    Sha256::digest(bytes).as_slice().into()
}
