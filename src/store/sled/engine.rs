//! The open sled: closed in order by the committer, or when its last handle is dropped.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sled::Db;

use super::tree::{Tree, closed};

/// The owner of sled and its trees. Reads under way can keep sled open for a moment after
/// [`Engine::close`]. Clones share it.
#[derive(Clone)]
pub(super) struct Engine(Arc<Holder>);

struct Holder(Mutex<Option<Open>>);

struct Open {
    db: Db,
    trees: Vec<Arc<sled::Tree>>,
}

impl Drop for Holder {
    /// sled syncs when it is dropped, and panics if the sync fails. That failure was already
    /// reported, so it must not end the thread that drops the store.
    fn drop(&mut self) {
        let open = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let _told = panic::catch_unwind(AssertUnwindSafe(|| drop(open)));
    }
}

impl Engine {
    pub(super) fn new(db: Db) -> Self {
        Self(Arc::new(Holder(Mutex::new(Some(Open { db, trees: Vec::new() })))))
    }

    /// Opens the tree with that name, and creates it if it is absent.
    pub(super) fn tree(&self, name: &str) -> sled::Result<Tree> {
        let mut open = self.open();
        let open = open.as_mut().ok_or_else(closed)?;
        let held = Arc::new(open.db.open_tree(name)?);
        let tree = Tree::of(&held);
        open.trees.push(held);
        Ok(tree)
    }

    /// Returns the whole database, for a migration.
    pub(super) fn db(&self) -> sled::Result<Db> {
        self.open().as_ref().map(|open| open.db.clone()).ok_or_else(closed)
    }

    /// Hands all writes so far to the operating system, and returns an upper bound for their bytes
    /// of log.
    pub(super) fn flush(&self) -> sled::Result<usize> {
        self.open().as_ref().ok_or_else(closed)?.db.flush()
    }

    /// Releases sled: nothing is read or written from now on.
    pub(super) fn close(&self) {
        drop(self.open().take());
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        // A panic under the lock leaves the value unchanged.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
