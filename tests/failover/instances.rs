//! An instance beside each node of the database: what cuts the node off cuts it off, too.

use std::collections::BTreeMap;

use crate::{
    common::{
        admin::with_admin,
        home::{Home, copy_tree},
        server::Server,
        settings::Settings,
    },
    formation::{Formation, NODES},
    released,
};

/// The instance beside a node: its program and its clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Make {
    /// Path of the program; the one under test if there is none.
    program: Option<String>,
    /// Seconds by which the time of day of its machine is ahead.
    ahead: i64,
}

impl Make {
    /// The makes that the script asks for, one for each node: `JETON_TEST_RELEASED` is the last release's
    /// program, which runs beside the second node, and `JETON_TEST_SKEWS` has seconds for each node.
    pub(crate) fn asked() -> Vec<Self> {
        let skews = variable("JETON_TEST_SKEWS").unwrap_or_default();
        let mut skews = skews.split_whitespace().map(|skew| skew.parse().expect("seconds"));
        let mut makes: Vec<Self> = NODES
            .iter()
            .map(|_| Self { program: None, ahead: skews.next().unwrap_or_default() })
            .collect();
        makes[1].program = released::program();
        makes
    }
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say what the tests run with")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Tokens outlive the test, no login ends another, and a refresh may be asked again after any pause.
fn settings() -> Settings {
    with_admin()
        .declare("shop", "access_token_ttl", r#""12h""#)
        .declare("shop", "max_grants", "1000")
        .set("tokens", "retry_window", "5m")
        .set("tokens", "access_overlap", "1h")
}

/// Starts an instance beside each node, with one key ring. Older releases start first: none starts beside a
/// newer schema.
pub(crate) async fn beside_nodes(formation: &Formation, makes: &[Make]) -> Vec<Server> {
    let mut order: Vec<usize> = (0..NODES.len()).collect();
    order.sort_by_key(|at| makes[*at].program.is_none());
    let mut instances: BTreeMap<usize, Server> = BTreeMap::new();
    for at in order {
        let home = Home::new();
        if let Some(first) = instances.values().next() {
            copy_tree(&first.home().keys(), &home.keys());
            close(&home);
        }
        let instance = start_beside(NODES[at], formation, home, &makes[at]).await;
        instances.insert(at, instance);
    }
    instances.into_values().collect()
}

/// Leaves the key ring to its owner alone.
fn close(home: &Home) {
    for key in std::fs::read_dir(home.keys()).expect("the key ring") {
        let path = key.expect("a key").path();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("its mode");
    }
}

/// Starts an instance beside `node`. The test calls it by a line that no fault touches.
async fn start_beside(node: &str, formation: &Formation, home: Home, make: &Make) -> Server {
    let listen = format!("10.98.{}.2:0", node.trim_start_matches('n'));
    let ahead = format!("{:+}", make.ahead);
    let library = variable("JETON_TEST_FAKETIME").unwrap_or_default();
    let mut environment = vec![
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PLACE", node),
        ("PROGRAM", make.program.as_deref().unwrap_or(released::NEWEST)),
        ("JETON_STORE_URL", formation.url()),
        ("JETON_REQUIRE_STANDBY", "true"),
        // Small, and soon full: memory that grows after that is no cache's.
        ("JETON_CACHE_BYTES", "8MiB"),
        ("JETON_ALLOW_PLAINTEXT", "true"),
        ("JETON_GRPC_LISTEN", &listen),
        ("JETON_HTTP_LISTEN", &listen),
        ("JETON_OPS_LISTEN", &listen),
    ];
    if make.ahead != 0 {
        environment.extend([
            ("PRELOAD", &*library),
            ("FAKETIME", &*ahead),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]);
    }
    let settings = settings();
    let settings = if make.program.is_some() { released::known(settings) } else { settings };
    Server::start_with(home, &settings, &environment).await
}
