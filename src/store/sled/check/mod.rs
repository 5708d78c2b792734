//! The offline check of a store: every record decodes, the index agrees with the records in both
//! directions, and the feed has no gap.
//!
//! # Faults and leftovers
//!
//! A crash can leave an index entry too many, never one too few: entries are written before their
//! record and verified at each use. Such leftovers are counted and are no fault. An expiry entry
//! can have an earlier time than its grant, or name a deleted grant: the sweeper settles both.
//!
//! # Repair
//!
//! A repair writes missing entries and drops entries that point nowhere. It deletes no record that
//! decodes. A record that does not decode is appended to a file beside the store and synced before
//! it is removed; a record in a newer release's form stays. A feed with a gap loses everything
//! before the gap, and the store gets a new id, so that the feed's readers start from the
//! beginning.

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

/// Maximum number of findings that are named. Further ones are only counted.
pub const MAX_FINDINGS: usize = 1_000;
/// Size of sled's cache while the store is read from end to end, in bytes.
const CACHE_BYTES: u64 = 64 << 20;

/// Options of a check.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The data directory.
    pub path: PathBuf,
    /// Keys of the ring, to be compared with the keys that records name.
    pub ring: Option<Vec<KeyId>>,
    /// `true` to repair the faults that can be repaired.
    pub repair: bool,
}

/// The reason for a check that did not run.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The directory has no store.
    #[error("there is no store")]
    Missing,
    /// The store cannot be opened, or its file cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Results of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of clients that decode.
    pub clients: u64,
    /// Number of users that decode.
    pub users: u64,
    /// Number of grants that decode.
    pub grants: u64,
    /// Number of index entries.
    pub entries: u64,
    /// Number of harmless entries that a crash or the sweeper left.
    pub leftovers: u64,
    /// Number of events in the feed.
    pub changes: u64,
    /// The first [`MAX_FINDINGS`] faults.
    pub findings: Vec<Finding>,
    /// Number of faults.
    pub faults: u64,
    /// Number of repaired faults.
    pub repaired: u64,
    /// The first [`MAX_FINDINGS`] pairs of users that have one name by today's rule, which is no
    /// fault.
    pub joined: Vec<JoinedNames>,
    /// Number of such pairs.
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

    /// Returns `true` if no fault remains.
    pub fn is_good(&self) -> bool {
        self.faults == self.repaired
    }
}

/// Checks a store that no server has open. Takes 16 bytes of memory for each grant.
///
/// # Errors
/// Returns a [`CheckError`] if the store cannot be read. The report contains the store's faults.
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
    check.assertions()?;
    check.entries()?;
    check.feed(&engine.tree("changes")?, &meta, new_id)?;
    check.keys(&meta, options.ring.as_deref())?;
    check.mending.sync()?;
    let report = check.report;
    drop(check.mending);
    engine.close();
    // A sealed store was only read or mended, so it is sealed again. A store without a seal gets
    // one only if it has no faults: otherwise the next opening must check it.
    if was_sealed || report.is_good() {
        directory.seal();
    }
    Ok(report)
}

/// Counts the writes of a repair: the log between two syncs must stay below one of sled's segments.
struct Mending {
    engine: Engine,
    file: File,
    /// Number of writes since the last sync.
    unsynced: usize,
}

impl Mending {
    /// Counts one write.
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
    assertions: Tree,
    index: Tree,
    repair: bool,
    quarantine: Quarantine,
    report: Report,
    /// Keys that are listed and, if a ring was given, in the ring.
    known: BTreeSet<KeyId>,
    /// Other keys that live grants name.
    named: BTreeSet<KeyId>,
    /// Grants that have an expiry entry, in order.
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
            assertions: engine.tree("assertions")?,
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

    /// Reports the keys that records name but the list or the ring lacks.
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
