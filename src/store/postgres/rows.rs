//! Rows as records.

use tokio_postgres::Row;

use crate::store::{ReadError, Record, Stored, Version, damage::Damage};

/// Decodes the record in a row of key, version, record. Returns `None` for a damaged one, so that
/// the others are still read.
pub(super) fn readable<R: Record>(row: &Row, damage: &Damage) -> Option<Stored<R>> {
    let record = keyed(row);
    if record.is_err() {
        damage.met::<R>(row.try_get(0).unwrap_or_default());
    }
    record.ok()
}

/// Decodes the record in a row of key, version, record.
pub(super) fn keyed<R: Record>(row: &Row) -> Result<Stored<R>, ReadError> {
    let key: &[u8] = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
    stored(&R::parse_key(key)?, row, 1)
}

/// Decodes the record in a row whose columns from `first` on are version and record.
pub(super) fn stored<R: Record>(
    key: &R::Key,
    row: &Row,
    first: usize,
) -> Result<Stored<R>, ReadError> {
    let version: i64 = row.try_get(first).map_err(|_| ReadError::Corrupt)?;
    let record: &[u8] = row.try_get(first + 1).map_err(|_| ReadError::Corrupt)?;
    Ok(Stored::new(Version::from_u64(version.cast_unsigned()), R::decode(key, record)?))
}
