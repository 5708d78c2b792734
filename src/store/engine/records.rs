//! The records of the chosen engine.

use super::{EngineRecords, Kept};
use crate::store::{Premise, ReadError, Records, Stored, Version, Write, WriteError};

impl<R: Kept> Records<R> for EngineRecords<R> {
    fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        either_records!(self, records => records.cached(key))
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        either_records!(self, records => records.get(key).await)
    }

    async fn get_stored(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        either_records!(self, records => records.get_stored(key).await)
    }

    async fn get_many(&self, keys: &[R::Key]) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        either_records!(self, records => records.get_many(keys).await)
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        either_records!(self, records => records.page(after, limit).await)
    }

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        either_records!(self, records => records.write(write).await)
    }

    fn remembered(&self, key: &R::Key) -> Option<Stored<R>> {
        either_records!(self, records => records.remembered(key))
    }

    async fn presumed(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        either_records!(self, records => records.presumed(key).await)
    }

    async fn replace_if(
        &self,
        expected: Version,
        record: R,
        premises: &[Premise],
    ) -> Result<Version, WriteError> {
        either_records!(self, records => records.replace_if(expected, record, premises).await)
    }
}

impl<R: Kept> Clone for EngineRecords<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Sled(records) => Self::Sled(records.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres(records) => Self::Postgres(records.clone()),
        }
    }
}
