//! One hash over all the secrets in clear that were last applied: a start with the same ones verifies this
//! hash, and not one for each of them.
//!
//! It costs as much as that of a single password, so that it helps nobody to guess one.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::removed::Declarable;
use crate::{
    domain::{declared::Declared, error::Error, secret::Secret},
    service::HashPool,
};

/// Stands among the fields of the first record that has such a secret.
const SEAL: &str = "seal";

/// A secret in clear, and the record that it belongs to.
pub(super) struct Clear<'a> {
    /// The record, among those of its kind that are declared.
    pub(super) record: usize,
    /// The name of the client or user.
    pub(super) name: &'a str,
    /// Field that holds the hash last applied.
    pub(super) field: &'static str,
    /// The secret.
    pub(super) secret: &'a Secret,
}

/// Returns whether the records' seal proves that all of `clear` are the secrets last applied. One
/// secret alone has no seal: it would cost as much as it saves.
pub(super) async fn holds(
    clear: &[Clear<'_>],
    declared: impl Fn(usize) -> Option<Declared>,
    hashes: &HashPool,
) -> Result<bool, Error> {
    let [first, _, ..] = clear else { return Ok(false) };
    let kept = declared(first.record).and_then(|mut fields| fields.remove(SEAL));
    let kept = kept.as_deref().and_then(|seal| std::str::from_utf8(seal).ok().map(str::to_owned));
    match (kept, over(clear, declared)) {
        (Some(kept), Some(text)) => hashes.verify(&text, &kept).await,
        _ => Ok(false),
    }
}

/// Seals what was applied, on the first of the records.
pub(super) async fn put<R: Declarable>(
    clear: &[Clear<'_>],
    records: &mut [R],
    hashes: &HashPool,
) -> Result<(), Error> {
    let text = over(clear, |record| Some(records[record].declared().clone()));
    for record in &mut *records {
        record.declared_mut().remove(SEAL);
    }
    if let ([first, _, ..], Some(text)) = (clear, text) {
        let seal = hashes.hash(text).await?;
        records[first.record].declared_mut().insert(SEAL.into(), seal.as_bytes().into());
    }
    Ok(())
}

/// Returns the text to seal: each name and secret with the hash last applied, so that a record of
/// another time is not taken for this one. `None` if one was never applied.
fn over(clear: &[Clear<'_>], declared: impl Fn(usize) -> Option<Declared>) -> Option<Secret> {
    let mut digest = Sha256::new();
    for Clear { record, name, field, secret } in clear {
        let fields = declared(*record)?;
        for part in [name.as_bytes(), secret.expose().as_bytes(), fields.get(*field)?] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in digest.finalize() {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(Secret::new(text.as_str()))
}
