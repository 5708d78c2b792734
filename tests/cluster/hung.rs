//! A database whose commits wait for ever: every call to a store ends nevertheless.

use std::{sync::Arc, time::Duration};

use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{key_ring::KeyId, secret::Secret},
    store::{
        Sequence, Store as _,
        postgres::{PostgresOptions, PostgresStore, TlsOptions},
    },
};

use crate::{
    common::{admin::with_admin, home::Home, wait::within},
    database::Database,
    fleet::start_at,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn what_waits_for_standbys_that_hang_is_given_up() {
    let database = Database::alone();
    // Makes the store, and events in it.
    start_at(&database, Home::new(), &with_admin()).await.stop().await;
    let options = PostgresOptions {
        url: Secret::new(database.url()),
        tls: TlsOptions::default(),
        connections: 8,
        cache_bytes: 1 << 20,
        max_staleness: Duration::from_secs(1),
        require_standby: false,
    };
    let store = PostgresStore::open(&options, Arc::new(SystemClock), &SystemEntropy)
        .await
        .expect("the store opens");
    for standby in ["standby1", "standby2"] {
        database.signal(standby, "STOP");
    }
    let key = KeyId::from_bytes([9; 4]);
    let (lease, listed, removed, trimmed) = tokio::join!(
        within("the lease", store.may_sweep()),
        within("a key to be listed", store.add_key_id(key)),
        within("a key to be removed", store.remove_key_id(key)),
        within("events to be trimmed", store.trim_changes(Sequence(1), 1)),
    );
    assert!(lease.is_err() && listed.is_err(), "{lease:?} {listed:?}");
    assert!(removed.is_err() && trimmed.is_err(), "{removed:?} {trimmed:?}");
    for standby in ["standby1", "standby2"] {
        database.signal(standby, "CONT");
    }
    let again = async { while store.may_sweep().await.is_err() {} };
    within("to go on", again).await;
    store.close();
}
