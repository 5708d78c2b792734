//! Reads a store's own data and opens its trees, in a data directory that this process has locked.

use std::{fs::File, sync::Arc};

use super::{
    OpenError, SledOptions,
    cleaner::Cleaner,
    directory::{DataDirectory, Opened},
    engine::Engine,
    meta::Meta,
    schema,
    tables::Tables,
    trees::Trees,
};
use crate::store::StoreId;

/// Contents of the opened store.
pub(super) struct Contents {
    pub(super) engine: Engine,
    pub(super) tables: Tables,
    pub(super) meta: Arc<Meta>,
    pub(super) trees: Trees,
    pub(super) cleaner: Cleaner,
}

impl Contents {
    /// Opens the store in the directory, and creates it if it is absent. Refuses a store that lacks a
    /// noted batch, and all other detectable damage.
    pub(super) fn open(
        directory: &DataDirectory,
        options: &SledOptions,
        new_id: StoreId,
    ) -> Result<Self, OpenError> {
        let Opened { db, floor, was_sealed } = directory.open(options.cache_bytes / 4)?;
        let engine = Engine::new(db);
        let meta = engine.tree("meta")?;
        let file = directory.file()?;
        match schema::read(&meta)? {
            None if floor.is_some() => return Err(OpenError::damaged("it is empty")),
            None => Meta::create(&meta, new_id)?,
            Some(found) => schema::migrate(&engine, &meta, found, || sync(&engine, &file))?,
        }
        let meta = Arc::new(Meta::open(meta)?);
        if floor.is_some_and(|floor| meta.batches() < floor) {
            return Err(OpenError::damaged("the end of its log is missing"));
        }
        let tables = Tables::open(&engine, options.cache_bytes)?;
        let trees = Trees::open(&engine)?;
        let cleaner = Cleaner::open(&engine, options.spare_bytes)?;
        if floor.is_some() && !was_sealed {
            tables.check()?;
            trees.check()?;
        }
        Ok(Self { engine, tables, meta, trees, cleaner })
    }
}

/// Makes all writes so far durable.
pub(super) fn sync(engine: &Engine, file: &File) -> Result<(), OpenError> {
    engine.flush()?;
    Ok(file.sync_data()?)
}
