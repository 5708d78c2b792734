//! Length-prefixed hashing: no two different lists of fields ever hash the same bytes.

use sha2::digest::Update;

/// Feeds one field to a hash or MAC, behind its length as 32 bits, big-endian.
///
/// Fields are a few dozen bytes long; the length saturates rather than wraps.
pub(super) fn hash_field(into: &mut impl Update, field: &[u8]) {
    into.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.update(field);
}
