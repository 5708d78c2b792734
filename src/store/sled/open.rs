//! Opens the store and checks it against the notes of its last use.

use std::{fs::File, io, sync::Arc};

use super::{
    OpenError, SledOptions, SledRecords, SledStore,
    ballast::Ballast,
    committer::Committer,
    contents::{Contents, sync},
    directory::DataDirectory,
    guard::guarded,
    metrics::{SledMetrics, serve_lookups, serve_space},
    space::Space,
    spare_copy::remove_leftover,
    ticker::every_second,
};
use crate::{
    domain::entropy::{Entropy, draw},
    store::StoreId,
};

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
        if let Err(error) = remove_leftover(&options.path) {
            tracing::warn!(%error, "what a check left in the data directory stays: remove `copy`");
        }
        let Contents { engine, tables, meta, trees, cleaner } =
            Contents::open(&directory, options, new_id)?;
        let file = directory.file()?;
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
