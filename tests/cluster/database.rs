//! A PostgreSQL primary with two standbys, of which one has to confirm every commit.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{authority::Issued, proxy::Proxy};

/// A database of its own for one test.
pub(crate) struct Database {
    cluster: PathBuf,
    url: String,
    /// Directory of a cluster of its own.
    made: Option<TempDir>,
    /// Proxies between instances and the nodes, if there are any.
    ways: Vec<Proxy>,
}

impl Database {
    /// An empty one in the cluster that all tests share.
    pub(crate) fn shared(name: &str) -> Self {
        let cluster = PathBuf::from(variable("JETON_TEST_CLUSTER"));
        let all = variable("JETON_TEST_POSTGRES");
        let (servers, _) = all.rsplit_once('/').expect("a URL");
        for statement in ["DROP DATABASE IF EXISTS ", "CREATE DATABASE "] {
            control(&["sql"], &cluster, &["primary", &format!("{statement}{name}")]);
        }
        Self { cluster, url: format!("{servers}/{name}"), made: None, ways: Vec::new() }
    }

    /// One in a cluster of its own, for tests that do it harm.
    pub(crate) fn alone() -> Self {
        let made = tempfile::tempdir().expect("a directory");
        let url = control(&["start"], made.path(), &[]);
        Self { cluster: made.path().to_owned(), url, made: Some(made), ways: Vec::new() }
    }

    /// Puts a distance between the database and the instances: each piece is on its way for up to
    /// so long.
    pub(crate) async fn at_a_distance(mut self, longest: Duration) -> Self {
        let (user, nodes) = self.url.split_once('@').expect("a user");
        let (nodes, name) = nodes.rsplit_once('/').expect("a database");
        let mut ways = Vec::new();
        for node in nodes.split(',') {
            let way = Proxy::to(node.to_owned()).await;
            way.delay(longest);
            ways.push(way);
        }
        let nodes: Vec<&str> = ways.iter().map(Proxy::address).collect();
        self.url = format!("{user}@{}/{name}", nodes.join(","));
        self.ways.extend(ways);
        self
    }

    /// Returns the URL for instances.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same without the standbys, by another name of the host.
    pub(crate) fn url_of_primary(&self, host: &str) -> String {
        let (first, _) = self.url.split_once(',').expect("several nodes");
        let (_, name) = self.url.rsplit_once('/').expect("a database");
        format!("{}/{name}", first.replace("127.0.0.1", host))
    }

    /// Returns the address of its primary.
    pub(crate) fn primary(&self) -> String {
        let first = self.url.split(',').next().and_then(|first| first.rsplit_once('@'));
        first.expect("a user and a node").1.to_owned()
    }

    /// The same database, reached at another address.
    pub(crate) fn url_at(&self, address: &str) -> String {
        let (_, name) = self.url.rsplit_once('/').expect("a database");
        format!("postgres://jeton@{address}/{name}")
    }

    /// The same database by way of a pooler, which gives sessions out for as long as `mode` says.
    pub(crate) fn url_of_pooler(&self, mode: &str) -> String {
        let (_, name) = self.url.rsplit_once('/').expect("a database");
        let port = control(&["pool"], &self.cluster, &[mode, name]);
        format!("postgres://jeton@127.0.0.1:{port}/{name}?sslmode=disable")
    }

    /// The same database as another of its users.
    pub(crate) fn url_as(&self, user: &str) -> String {
        self.url.replace("//jeton@", &format!("//{user}@"))
    }

    /// Has the primary offer TLS from now on.
    pub(crate) fn encrypt(&self, issued: &Issued) {
        issued.write(&self.cluster);
        control(&["encrypt"], &self.cluster, &["primary"]);
    }

    /// Sends a signal to all processes of a node.
    pub(crate) fn signal(&self, node: &str, name: &str) {
        control(&["signal"], &self.cluster, &[node, name]);
    }

    /// Promotes the standby that lacks nothing, and returns its name.
    pub(crate) fn promote(&self) -> String {
        control(&["promote"], &self.cluster, &[])
    }

    /// Runs a statement at the primary.
    pub(crate) fn run(&self, statement: &str) -> String {
        self.run_at("primary", statement)
    }

    /// Runs a statement at a node.
    pub(crate) fn run_at(&self, node: &str, statement: &str) -> String {
        let (_, name) = self.url.rsplit_once('/').expect("a database");
        control(&["sql"], &self.cluster, &[node, statement, name])
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.made.is_some() {
            control(&["end"], &self.cluster, &[]);
        }
    }
}

/// Runs tests/postgres/ctl.sh and hands back the last line that it printed.
fn control(verb: &[&str], cluster: &Path, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/ctl.sh");
    let output = Command::new(script).args(verb).arg(cluster).args(arguments).output();
    let output = output.expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{verb:?} {arguments:?}: {said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say where the database is")]
fn variable(name: &str) -> String {
    std::env::var(name).expect("tests/postgres.sh says where the database is")
}
