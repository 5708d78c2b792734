//! Instances of the service over one database.

use tokio::time::Instant;

use crate::{
    answers::{MAX_STALENESS, introspected},
    common::{
        admin::with_admin,
        caller::Caller,
        home::{Home, copy_tree},
        server::Server,
        settings::Settings,
    },
    database::Database,
};

/// Starts an instance.
pub(crate) async fn start_at(database: &Database, home: Home, settings: &Settings) -> Server {
    Server::start_with(home, settings, &[("JETON_STORE_URL", database.url())]).await
}

/// A new home with the key ring of another instance.
pub(crate) fn beside(server: &Server) -> Home {
    let home = Home::new();
    copy_tree(&server.home().keys(), &home.keys());
    for key in std::fs::read_dir(home.keys()).expect("the key ring") {
        let path = key.expect("a key").path();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("its mode");
    }
    home
}

/// Three instances with one key ring and the standard settings.
pub(crate) async fn three(database: &Database) -> [Server; 3] {
    several(database, 3).await.try_into().unwrap_or_else(|_| panic!("three were started"))
}

/// So many instances with one key ring and the standard settings.
pub(crate) async fn several(database: &Database, count: usize) -> Vec<Server> {
    let settings = with_admin();
    let first = start_at(database, Home::new(), &settings).await;
    let others = (1..count).map(|_| start_at(database, beside(&first), &settings));
    let others = futures_util::future::join_all(others).await;
    std::iter::once(first).chain(others).collect()
}

/// The same client at each of them.
pub(crate) async fn callers(instances: &[Server; 3], client: &'static str) -> [Caller; 3] {
    let [first, second, third] = instances;
    [first.caller(client).await, second.caller(client).await, third.caller(client).await]
}

/// Insists that a token that was revoked at `revoked` is refused within the staleness that is
/// allowed, for good.
pub(crate) async fn refused_in_time(caller: &Caller, token: &str, revoked: Instant) {
    loop {
        let asked = Instant::now();
        if !introspected(caller, token).await.expect("an answer").active {
            break;
        }
        assert!(asked - revoked < MAX_STALENESS, "accepted {:?} after it", asked - revoked);
    }
    for _ in 0..3 {
        assert!(!introspected(caller, token).await.expect("an answer").active);
    }
}
