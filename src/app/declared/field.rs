//! Comparison of a declared secret in clear with the one last applied.

use crate::domain::{declared::Declared, error::Error, secret::Secret};
use crate::service::{HashPool, prepared};

/// State of the secrets in clear, and the pool that hashes them.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    /// Pool that hashes and verifies.
    pub(super) hashes: &'a HashPool,
    /// True if each of them is known to be the one last applied.
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
