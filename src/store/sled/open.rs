//! Opens the store: checked against everything that was noted of it when it was left.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use super::{
    OpenError, SledRecords, SledStore,
    committer::Committer,
    directory::{DataDirectory, Opened},
    engine::Engine,
    guard::guarded,
    meta::Meta,
    metrics::{SledMetrics, serve_lookups, serve_space},
    schema,
    space::Space,
    table::Table,
    trees::Trees,
};
use crate::{
    domain::entropy::{Entropy, draw},
    store::StoreId,
};

/// Where the store lies and how much memory it may take.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The data directory; made, readable by its owner only, where there is none.
    pub path: PathBuf,
    /// Bytes of records kept in memory. sled's own page cache takes a quarter of it on top.
    pub cache_bytes: u64,
    /// Bytes that are to stay free on the file system, see [`Readiness`](super::Readiness); 0 for no such mark.
    pub min_free_space: u64,
}

fn sync(engine: &Engine, file: &File) -> Result<(), OpenError> {
    engine.flush()?;
    Ok(file.sync_data()?)
}

impl SledStore {
    /// Opens the store, making it where there is none. Blocks while sled reads its log, and while
    /// every file of a store that was closed, or every page of one that was not, is checked.
    ///
    /// What can be noticed of damage is refused; what cannot is told in `seal.rs`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: &SledOptions, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let (options, id) = (options.clone(), draw(entropy));
        guarded(move || Self::open_or_make(&options, id, DataDirectory::file))
    }

    /// `synced` opens the file that the committer syncs.
    pub(super) fn open_or_make(
        options: &SledOptions,
        new_id: StoreId,
        synced: impl FnOnce(&DataDirectory) -> io::Result<File>,
    ) -> Result<Self, OpenError> {
        let directory = DataDirectory::lock(&options.path)?;
        let Opened { db, floor, was_sealed } = directory.open(options.cache_bytes / 4)?;
        let engine = Engine::new(db);
        let file = directory.file()?;
        let meta = engine.tree("meta")?;
        match schema::read(&meta)? {
            None if floor.is_some() => return Err(OpenError::damaged("it is empty")),
            None => Meta::create(&meta, new_id)?,
            Some(found) => schema::migrate(&engine, &meta, found, || sync(&engine, &file))?,
        }
        let meta = Arc::new(Meta::open(meta)?);
        if floor.is_some_and(|floor| meta.batches() < floor) {
            return Err(OpenError::damaged("the end of its log is missing"));
        }
        // Clients and users are looked at on every call and are few: a quarter for both.
        let few = options.cache_bytes / 8;
        // A login's failures are looked at by that login alone.
        let least = options.cache_bytes / 32;
        let most = options.cache_bytes - 2 * few - least;
        let grants = Table::new(engine.tree("grants")?, most);
        let clients = Table::new(engine.tree("clients")?, few);
        let users = Table::new(engine.tree("users")?, few);
        let attempts = Table::new(engine.tree("attempts")?, least);
        let trees = Trees::open(&engine)?;
        if floor.is_some() && !was_sealed {
            grants.check()?;
            clients.check()?;
            users.check()?;
            attempts.check()?;
            trees.check()?;
        }
        sync(&engine, &file)?;
        let floor = Arc::new(directory.put_floor(meta.batches())?);
        let space = Space::new(directory.file()?, options.min_free_space);
        let metrics = Arc::new(SledMetrics::new());
        let lookups = [&grants.lookups, &clients.lookups, &users.lookups];
        serve_lookups(&metrics.registry, lookups.map(Arc::clone));
        serve_space(&metrics.registry, &space);
        let committer = Committer {
            grants: Arc::clone(&grants),
            clients: Arc::clone(&clients),
            users: Arc::clone(&users),
            attempts: Arc::clone(&attempts),
            trees: trees.clone(),
            meta: Arc::clone(&meta),
            file: synced(&directory)?,
            engine: engine.clone(),
            directory,
            watch: space.keep_looking({
                let floor = Arc::clone(&floor);
                move || floor.sync()
            })?,
            floor,
            space: Arc::clone(&space),
            head: trees.feed.last()?,
            metrics: Arc::clone(&metrics),
        };
        let committer = committer.start()?;
        Ok(Self {
            grants: SledRecords { table: grants, committer: committer.clone() },
            clients: SledRecords { table: clients, committer: committer.clone() },
            users: SledRecords { table: users, committer: committer.clone() },
            attempts: SledRecords { table: attempts, committer: committer.clone() },
            trees,
            meta,
            committer,
            engine,
            space,
            metrics,
        })
    }
}
