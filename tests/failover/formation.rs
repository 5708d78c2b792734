//! A monitor of `pg_auto_failover` and three nodes, each in a network of its own.

use std::{path::Path, process::Command, time::Duration};

use tempfile::TempDir;
use tokio::task::block_in_place;

/// Nodes of the database.
pub(crate) const NODES: [&str; 3] = ["n1", "n2", "n3"];
/// Seconds in which a formation that lacks nothing is whole again, on a machine that has other work, too.
const WHOLE: &str = "300";

/// A formation. It ends with the namespaces in which the test runs.
pub(crate) struct Formation {
    directory: TempDir,
    url: String,
}

impl Formation {
    /// Starts one that is whole: a primary with two standbys, of which one confirms each commit.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = control("start", directory.path(), &[]);
        Self { directory, url }
    }

    /// Returns the URL for instances: every node.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Does something to a node: `kill`, `run`, `cut`, `mend`, `fill`, `burst` or `free`.
    pub(crate) fn do_to(&self, node: &str, verb: &str) {
        control(verb, self.directory.path(), &[node]);
    }

    /// Returns the node that takes writes by the monitor's word; empty while there is none.
    pub(crate) fn primary(&self) -> String {
        control("primary", self.directory.path(), &[])
    }

    /// Returns one of those that do not.
    pub(crate) fn standby(&self) -> &'static str {
        let primary = self.primary();
        NODES.into_iter().find(|node| *node != primary).expect("two standbys")
    }

    /// Waits until another node than `old` takes writes.
    pub(crate) fn replace(&self, old: &str) {
        control("await_replaced", self.directory.path(), &[old, WHOLE]);
    }

    /// Waits until it is whole.
    pub(crate) fn settle(&self) {
        control("await_settled", self.directory.path(), &[WHOLE]);
    }

    /// Returns the nodes with their states, a line each.
    pub(crate) fn states(&self) -> String {
        control("state", self.directory.path(), &[])
    }
}

/// Returns the longest time in which no write may be acknowledged: `JETON_TEST_PAUSE_SECONDS`, or the 20 s that
/// docs/failover.md promises.
pub(crate) fn longest_pause() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a busy machine allows")]
    let asked = std::env::var("JETON_TEST_PAUSE_SECONDS");
    Duration::from_secs(asked.map_or(20, |seconds| seconds.parse().expect("a number")))
}

/// Runs tests/failover/ctl.sh and returns what it printed.
fn control(verb: &str, formation: &Path, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failover/ctl.sh");
    let mut command = Command::new(script);
    command.arg(verb).arg(formation).args(arguments);
    let output = block_in_place(|| command.output()).expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{verb} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
