//! sled while it is open: closed in order by the committer, or when nobody holds the store any more.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sled::Db;

use super::tree::{Tree, closed};

/// The one holder of sled and its trees. Reads under way may keep it open for a moment longer than
/// [`Engine::close`]. Cloning shares it.
#[derive(Clone)]
pub(super) struct Engine(Arc<Holder>);

struct Holder(Mutex<Option<Open>>);

struct Open {
    db: Db,
    trees: Vec<Arc<sled::Tree>>,
}

impl Drop for Holder {
    /// sled syncs as it goes, and panics where that fails. Whoever was the last to hold the store of
    /// a disk that failed has heard of it and does not go with it.
    fn drop(&mut self) {
        let open = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let _told = panic::catch_unwind(AssertUnwindSafe(|| drop(open)));
    }
}

impl Engine {
    pub(super) fn new(db: Db) -> Self {
        Self(Arc::new(Holder(Mutex::new(Some(Open { db, trees: Vec::new() })))))
    }

    /// The tree of that name, made where there is none.
    pub(super) fn tree(&self, name: &str) -> sled::Result<Tree> {
        let mut open = self.open();
        let open = open.as_mut().ok_or_else(closed)?;
        let held = Arc::new(open.db.open_tree(name)?);
        let tree = Tree::of(&held);
        open.trees.push(held);
        Ok(tree)
    }

    /// All of sled, for a migration.
    pub(super) fn db(&self) -> sled::Result<Db> {
        self.open().as_ref().map(|open| open.db.clone()).ok_or_else(closed)
    }

    /// Hands everything written so far to the operating system, and says how many bytes of log that
    /// were, or more.
    pub(super) fn flush(&self) -> sled::Result<usize> {
        self.open().as_ref().ok_or_else(closed)?.db.flush()
    }

    /// Lets go of sled: from now on nothing is read or written.
    pub(super) fn close(&self) {
        drop(self.open().take());
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        // A panic while it is held leaves it as it was.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
