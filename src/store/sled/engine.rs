//! sled while it is open: whoever drops this closes it.

use std::sync::Arc;

use sled::Db;

use super::tree::Tree;

/// The one holder of sled and its trees. Reads under way may keep it open for a moment longer.
pub(super) struct Engine {
    db: Db,
    trees: Vec<Arc<sled::Tree>>,
}

impl Engine {
    pub(super) fn new(db: Db) -> Self {
        Self { db, trees: Vec::new() }
    }

    /// The tree of that name, made where there is none.
    pub(super) fn tree(&mut self, name: &str) -> sled::Result<Tree> {
        let held = Arc::new(self.db.open_tree(name)?);
        let tree = Tree::of(&held);
        self.trees.push(held);
        Ok(tree)
    }

    /// All of sled, for a migration.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Hands everything written so far to the operating system.
    pub(super) fn flush(&self) -> sled::Result<()> {
        self.db.flush().map(drop)
    }
}
