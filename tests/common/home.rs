//! A directory that a server keeps everything in, and that outlives it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

use super::settings::Settings;

/// Settings file, data and keys. Removed when dropped.
pub(crate) struct Home {
    directory: TempDir,
    /// Made when the first server asks for it.
    database: OnceLock<Option<String>>,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory, database: OnceLock::new() }
    }

    /// The database in the data directory's place, where the tests are run with one: with
    /// `JETON_TEST_STORE=postgres` each home has its own. See tests/postgres.sh.
    pub(super) fn database(&self) -> Option<&str> {
        self.database.get_or_init(|| make_database(self.path())).as_deref()
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

#[expect(clippy::disallowed_methods, reason = "the script's way to say where the database is")]
fn make_database(home: &Path) -> Option<String> {
    let variable = |name| std::env::var(name).ok();
    variable("JETON_TEST_STORE").filter(|store| store == "postgres")?;
    let (cluster, all) = (variable("JETON_TEST_CLUSTER")?, variable("JETON_TEST_POSTGRES")?);
    let name = home.file_name()?.to_str()?.replace('.', "jeton").to_lowercase();
    let control = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/ctl.sh");
    let create = format!("CREATE DATABASE {name}");
    let made = Command::new(control).args(["sql", &cluster, "primary", &create]).status();
    assert!(made.expect("the script runs").success(), "{create}");
    let (servers, _) = all.rsplit_once('/')?;
    Some(format!("{servers}/{name}"))
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
