//! A directory that a server keeps everything in, and that outlives it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::settings::Settings;

/// Settings file, data and keys. Removed when dropped.
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The key ring.
    pub(crate) fn keys(&self) -> PathBuf {
        self.path().join("keys")
    }

    /// Everything in the data directory and the key ring: what a thief of the disk would have.
    pub(crate) fn at_rest(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        read_tree(&self.data(), &mut files);
        read_tree(&self.keys(), &mut files);
        files
    }

    /// Writes the settings file, which only its owner can read, and tells where.
    pub(super) fn write(&self, settings: &Settings) -> PathBuf {
        let path = self.path().join("jeton.toml");
        let options = &mut fs::OpenOptions::new();
        let open = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let text = settings.render(self.path());
        open.expect("the settings file").write_all(text.as_bytes()).expect("the settings");
        path
    }
}

/// Copies a directory with everything in it to where there is nothing yet.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    let mut files = BTreeMap::new();
    read_tree(from, &mut files);
    for (path, bytes) in files {
        let path = to.join(path.strip_prefix(from).expect("a path below it"));
        fs::create_dir_all(path.parent().expect("a directory")).expect("the directory");
        fs::write(path, bytes).expect("a copy");
    }
}

fn read_tree(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_tree(&path, files);
        } else {
            files.insert(path.clone(), fs::read(path).expect("a file"));
        }
    }
}
