//! A directory that a server keeps everything in, and that outlives it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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

    /// Returns the number of instances of a server that is started here: with
    /// `JETON_TEST_INSTANCES=3`, over a database, it is three. They have the settings file and the
    /// key ring in common.
    pub(super) fn instances(&self) -> usize {
        let asked = variable("JETON_TEST_INSTANCES").filter(|_| self.database().is_some());
        asked.map_or(1, |count| count.parse().expect("JETON_TEST_INSTANCES is a number"))
    }

    /// Returns the setting of staleness for several instances: none, or the value of
    /// `JETON_TEST_MAX_STALENESS`. A test that asks right after a revocation asks the service, at
    /// any of them.
    pub(super) fn max_staleness(&self) -> Option<String> {
        let asked = variable("JETON_TEST_MAX_STALENESS");
        (self.instances() > 1).then(|| asked.unwrap_or_else(|| "0s".to_owned()))
    }

    /// Returns its path.
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

    /// Everything in the data directory, or the database, and the key ring: what a thief of the disk
    /// would have.
    pub(crate) fn at_rest(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        if let Some(url) = self.database() {
            read_tables(url, &mut files);
        } else {
            read_tree(&self.data(), &mut files);
        }
        read_tree(&self.keys(), &mut files);
        files
    }

    /// Writes the settings file, which only its owner can read, and returns its path.
    pub(crate) fn write(&self, settings: &Settings) -> PathBuf {
        let (path, new) = (self.path().join("jeton.toml"), self.path().join("jeton.toml.new"));
        let options = &mut fs::OpenOptions::new();
        let open = options.write(true).create(true).truncate(true).mode(0o600).open(&new);
        let text = settings.render(self.path());
        open.expect("the settings file").write_all(text.as_bytes()).expect("the settings");
        // Another instance may be reading them.
        fs::rename(new, &path).expect("in its place");
        path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // On three nodes it takes more space than all its test has written.
        if let Some(Some(url)) = self.database.get()
            && let Some((_, name)) = url.rsplit_once('/')
        {
            drop(run_sql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)")));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say what the tests run with")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn make_database(home: &Path) -> Option<String> {
    variable("JETON_TEST_STORE").filter(|store| store == "postgres")?;
    let name = home.file_name()?.to_str()?.replace('.', "jeton").to_lowercase();
    run_sql("postgres", &format!("CREATE DATABASE {name}"));
    let all = variable("JETON_TEST_POSTGRES").expect("tests/postgres.sh says where it is");
    let (servers, _) = all.rsplit_once('/')?;
    Some(format!("{servers}/{name}"))
}

/// The rows of every table, as bytes, save those that instances write of themselves all the time.
fn read_tables(url: &str, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let (_, database) = url.rsplit_once('/').expect("a database");
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'
                  AND tablename NOT IN ('jeton_instances', 'jeton_leases')";
    let tables = String::from_utf8(run_sql(database, tables)).expect("names");
    for table in tables.lines() {
        let rows = run_sql(database, &format!("COPY {table} TO STDOUT (FORMAT binary)"));
        files.insert(Path::new(database).join(table), rows);
    }
}

/// Returns the output of a statement. One that fails prints why, and nothing else.
fn run_sql(database: &str, statement: &str) -> Vec<u8> {
    let cluster = variable("JETON_TEST_CLUSTER").expect("tests/postgres.sh says where it is");
    let control = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/ctl.sh");
    let arguments = ["sql", &cluster, "primary", statement, database];
    let output = Command::new(control).args(arguments).stderr(Stdio::inherit()).output();
    output.expect("the script runs").stdout
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
