//! Opens the store and checks it against the notes of its last use.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use super::{
    OpenError, SledRecords, SledStore,
    ballast::Ballast,
    cleaner::Cleaner,
    committer::Committer,
    directory::{DataDirectory, Opened},
    engine::Engine,
    guard::guarded,
    meta::Meta,
    metrics::{SledMetrics, serve_lookups, serve_space},
    schema,
    space::Space,
    tables::Tables,
    ticker::every_second,
    trees::Trees,
};
use crate::{
    domain::entropy::{Entropy, draw},
    store::StoreId,
};

/// Location and memory limits of the store.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The data directory. If it is absent it is created, readable by its owner only.
    pub path: PathBuf,
    /// Bytes of cached records. sled's own page cache takes a quarter of this in addition.
    pub cache_bytes: u64,
    /// Bytes to keep free on the file system, see [`Readiness`](super::Readiness). 0 disables the
    /// check.
    pub min_free_space: u64,
    /// Number of bytes by which the file can exceed the needs of its grants before it is cleaned.
    pub spare_bytes: u64,
}

impl SledOptions {
    /// Returns options without a mark for free space and with 128 MiB of spare bytes.
    pub const fn new(path: PathBuf, cache_bytes: u64) -> Self {
        Self { path, cache_bytes, min_free_space: 0, spare_bytes: 128 << 20 }
    }
}

/// Contents of the opened store.
struct Contents {
    meta: Arc<Meta>,
    tables: Tables,
    trees: Trees,
    cleaner: Cleaner,
}

impl Contents {
    /// Refuses a store that lacks a noted batch. Writes the initial data of a new store.
    fn read(
        engine: &Engine,
        file: &File,
        options: &SledOptions,
        new_id: StoreId,
        floor: Option<u64>,
    ) -> Result<Self, OpenError> {
        let meta = engine.tree("meta")?;
        match schema::read(&meta)? {
            None if floor.is_some() => return Err(OpenError::damaged("it is empty")),
            None => Meta::create(&meta, new_id)?,
            Some(found) => schema::migrate(engine, &meta, found, || sync(engine, file))?,
        }
        let meta = Arc::new(Meta::open(meta)?);
        if floor.is_some_and(|floor| meta.batches() < floor) {
            return Err(OpenError::damaged("the end of its log is missing"));
        }
        Ok(Self {
            meta,
            tables: Tables::open(engine, options.cache_bytes)?,
            trees: Trees::open(engine)?,
            cleaner: Cleaner::open(engine, options.spare_bytes)?,
        })
    }
}

fn sync(engine: &Engine, file: &File) -> Result<(), OpenError> {
    engine.flush()?;
    Ok(file.sync_data()?)
}

impl SledStore {
    /// Opens the store, and creates it if it is absent. Blocks while sled reads its log and while
    /// every file of a closed store, or every page of another, is checked.
    ///
    /// Refuses all detectable damage. `seal.rs` describes the undetectable damage.
    ///
    /// # Errors
    /// Returns an [`OpenError`] if the store is damaged, in use or cannot be read.
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
        let mut directory = DataDirectory::lock(&options.path)?;
        if options.min_free_space > 0 {
            directory.hold_space();
        }
        let Opened { db, floor, was_sealed } = directory.open(options.cache_bytes / 4)?;
        let engine = Engine::new(db);
        let file = directory.file()?;
        let Contents { meta, tables, trees, cleaner } =
            Contents::read(&engine, &file, options, new_id, floor)?;
        if floor.is_some() && !was_sealed {
            tables.check()?;
            trees.check()?;
        }
        sync(&engine, &file)?;
        let floor = Arc::new(directory.put_floor(meta.batches())?);
        // The reserve is allocated again before the store is served, since other processes can use
        // up the space.
        let ballast = (options.min_free_space > 0).then(|| directory.ballast());
        ballast.iter().for_each(Ballast::hold);
        let space = Space::new(directory.file()?, options.min_free_space);
        let metrics = Arc::new(SledMetrics::new());
        let lookups = [&tables.grants.lookups, &tables.clients.lookups, &tables.users.lookups];
        serve_lookups(&metrics.registry, lookups.map(Arc::clone));
        serve_space(&metrics.registry, &space);
        let damage = tables.damage.clone();
        damage.serve(&metrics.registry);
        let committer = Committer {
            tables: tables.clone(),
            trees: trees.clone(),
            cleaner,
            meta: Arc::clone(&meta),
            file: synced(&directory)?,
            engine: engine.clone(),
            directory,
            watch: every_second("space", {
                let (space, floor) = (Arc::clone(&space), Arc::clone(&floor));
                move || {
                    space.look();
                    if space.is_ready() {
                        ballast.iter().for_each(Ballast::hold);
                    }
                    floor.sync();
                }
            })?,
            floor,
            space: Arc::clone(&space),
            head: trees.feed.last()?,
            metrics: Arc::clone(&metrics),
        };
        let committer = committer.start()?;
        Ok(Self {
            grants: SledRecords { table: tables.grants, committer: committer.clone() },
            clients: SledRecords { table: tables.clients, committer: committer.clone() },
            users: SledRecords { table: tables.users, committer: committer.clone() },
            attempts: SledRecords { table: tables.attempts, committer: committer.clone() },
            assertions: SledRecords { table: tables.assertions, committer: committer.clone() },
            trees,
            meta,
            committer,
            engine,
            space,
            damage,
            metrics,
        })
    }
}
