//! The offline check of a store: whether every record decodes, the index agrees with the records in both directions, and the feed has no gap.
//!
//! # What is wrong, and what is not
//!
//! A crash may leave an index entry too many, never one too few: entries are written before their
//! record and looked up with suspicion. Such leftovers are counted and are no fault. An expiry
//! entry may stand for an earlier time than its grant's, or for a grant that is freed: the sweeper
//! settles both.
//!
//! # What a repair does
//!
//! It writes entries that are missing and drops those that point nowhere. It deletes no record that
//! decodes. A record that does not decode is appended to a file beside the store and synced before
//! it is taken out; one in a newer release's form stays. A feed with a gap loses what stands
//! before the gap, and the store gets a new id, so that whoever follows it begins anew.

mod entries;
mod feed;
mod finding;
mod joined;
mod quarantine;
mod records;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
};

use thiserror::Error;

use self::quarantine::Quarantine;
pub use self::{
    finding::Finding,
    joined::{JoinedNames, Named},
};
use super::{
    OpenError, SledStore,
    committer::MAX_BATCH,
    directory::{DataDirectory, Opened},
    engine::Engine,
    guard::guarded,
    meta::Meta,
    schema,
    tree::Tree,
};
use crate::{
    domain::{
        entropy::{Entropy, draw},
        grant_id::GrantId,
        key_ring::KeyId,
    },
    store::StoreId,
};

/// Findings that are named; more are counted only.
pub const MAX_FINDINGS: usize = 1_000;
/// Bytes of sled's cache while it is read from one end to the other.
const CACHE_BYTES: u64 = 64 << 20;

/// What is checked, and what is done about it.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The data directory.
    pub path: PathBuf,
    /// The keys of the ring, if they are to be compared with those that records name.
    pub ring: Option<Vec<KeyId>>,
    /// Whether to repair what can be.
    pub repair: bool,
}

/// Why a store could not be checked.
#[derive(Debug, Error)]
pub enum CheckError {
    /// There is none.
    #[error("there is no store")]
    Missing,
    /// It cannot be opened, or its file cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Clients that decode.
    pub clients: u64,
    /// Users that decode.
    pub users: u64,
    /// Grants that decode.
    pub grants: u64,
    /// Index entries.
    pub entries: u64,
    /// Entries that a crash or the sweeper's laziness left, and that do no harm.
    pub leftovers: u64,
    /// Events in the feed.
    pub changes: u64,
    /// What is wrong, at most [`MAX_FINDINGS`] of it.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub faults: u64,
    /// How much of it was repaired.
    pub repaired: u64,
    /// Users whose names are one by today's rule, which is no fault: at most [`MAX_FINDINGS`] pairs.
    pub joined: Vec<JoinedNames>,
    /// How many such pairs there are.
    pub names_joined: u64,
}

impl Report {
    fn add(&mut self, finding: Finding, repaired: bool) {
        self.faults += 1;
        self.repaired += u64::from(repaired);
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// Whether nothing is wrong now.
    pub fn is_good(&self) -> bool {
        self.faults == self.repaired
    }
}

/// Checks the store, which no server has open. Takes 16 bytes of memory for each grant.
///
/// # Errors
/// See [`CheckError`]. What is wrong inside is in the report.
pub fn check(options: &CheckOptions, entropy: &dyn Entropy) -> Result<Report, CheckError> {
    if !SledStore::exists(&options.path) {
        return Err(CheckError::Missing);
    }
    let (options, new_id) = (options.clone(), draw(entropy));
    Ok(guarded(move || run(&options, new_id))?)
}

fn run(options: &CheckOptions, new_id: StoreId) -> Result<Report, OpenError> {
    let directory = DataDirectory::lock(&options.path)?;
    let Opened { db, floor, was_sealed } = directory.open(CACHE_BYTES)?;
    let engine = Engine::new(db);
    let meta = engine.tree("meta")?;
    let found = schema::read(&meta)?.ok_or_else(|| OpenError::damaged("it is empty"))?;
    schema::refuse_newer(found)?;
    let meta = Meta::open(meta)?;
    if floor.is_some_and(|floor| meta.batches() < floor) {
        return Err(OpenError::damaged("the end of its log is missing"));
    }
    let mending = Mending { engine: engine.clone(), file: directory.file()?, unsynced: 0 };
    let mut check = Check::begin(mending, &options.path, options.repair)?;
    check.known = meta.keys().into_iter().collect();
    if let Some(ring) = &options.ring {
        check.known.retain(|id| ring.contains(id));
    }
    check.grants()?;
    check.clients()?;
    check.users()?;
    check.attempts()?;
    check.entries()?;
    check.feed(&engine.tree("changes")?, &meta, new_id)?;
    check.keys(&meta, options.ring.as_deref())?;
    check.mending.sync()?;
    let report = check.report;
    drop(check.mending);
    engine.close();
    // What was sealed was only read or mended. What was not is sealed when all of it was found to be
    // right: otherwise the next opening must see for itself.
    if was_sealed || report.is_good() {
        directory.seal();
    }
    Ok(report)
}

/// What a repair writes: the log between two syncs must stay below a segment of sled's.
struct Mending {
    engine: Engine,
    file: File,
    /// Writes since the last sync.
    unsynced: usize,
}

impl Mending {
    /// Something was written.
    fn wrote(&mut self) -> Result<(), OpenError> {
        self.unsynced += 1;
        if self.unsynced < MAX_BATCH { Ok(()) } else { self.sync() }
    }

    fn sync(&mut self) -> Result<(), OpenError> {
        self.engine.flush()?;
        self.file.sync_data()?;
        self.unsynced = 0;
        Ok(())
    }
}

struct Check {
    mending: Mending,
    grants: Tree,
    clients: Tree,
    users: Tree,
    attempts: Tree,
    index: Tree,
    repair: bool,
    quarantine: Quarantine,
    report: Report,
    /// The keys that are listed, and held where a ring was given.
    known: BTreeSet<KeyId>,
    /// The others that live grants name.
    named: BTreeSet<KeyId>,
    /// The grants that have an expiry entry, in order.
    expiring: Vec<GrantId>,
}

impl Check {
    fn begin(mending: Mending, path: &Path, repair: bool) -> Result<Self, OpenError> {
        let engine = mending.engine.clone();
        let mut check = Self {
            grants: engine.tree("grants")?,
            clients: engine.tree("clients")?,
            users: engine.tree("users")?,
            attempts: engine.tree("attempts")?,
            index: engine.tree("index")?,
            repair,
            quarantine: Quarantine::new(path),
            report: Report::default(),
            known: BTreeSet::new(),
            named: BTreeSet::new(),
            expiring: Vec::new(),
            mending,
        };
        check.collect_expiring()?;
        Ok(check)
    }

    /// Keys that records name and nobody noted, and those that the ring lacks.
    fn keys(&mut self, meta: &Meta, ring: Option<&[KeyId]>) -> Result<(), OpenError> {
        let noted = meta.keys();
        for id in std::mem::take(&mut self.named) {
            if !noted.contains(&id) {
                if self.repair {
                    meta.set_key(id, true)?;
                    self.mending.wrote()?;
                }
                self.report.add(Finding::KeyNotNoted(id), self.repair);
            }
            if ring.is_some_and(|ring| !ring.contains(&id)) {
                self.report.add(Finding::KeyNotHeld(id), false);
            }
        }
        Ok(())
    }
}
