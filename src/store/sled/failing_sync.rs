//! Tests on a disk that refuses to sync: nothing is acknowledged, nothing unconfirmed is shown, and
//! everything acknowledged is there after a restart.

use std::{fs::File, path::Path};

use super::{SledOptions, SledStore, directory::DataDirectory};
use crate::{
    domain::{entropy::Entropy, grant::EndCause, time::Timestamp},
    store::{
        ReadError, Records as _, Store as _, Stored, Write, WriteError,
        conformance::{client, eventually, grant},
    },
};

struct TestEntropy;

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

fn options(path: &Path) -> SledOptions {
    SledOptions::new(path.to_owned(), 1 << 20)
}

fn open(path: &Path) -> SledStore {
    SledStore::open(&options(path), &TestEntropy).expect("it opens")
}

/// Opens a store whose committer cannot sync its file: `fdatasync` of a device that is no disk
/// fails.
fn open_failing(path: &Path) -> SledStore {
    let null_device = |_: &DataDirectory| File::open("/dev/null");
    SledStore::open_or_make(&options(path), [7; 16], null_device).expect("it opens")
}

#[tokio::test]
async fn what_could_not_be_synced_is_neither_acknowledged_nor_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let version = store.grants().write(Write::Insert(grant(1))).await.expect("an insert");
    store.close().await.expect("it closes in order");
    let head = store.head().await.expect("the head");
    drop(store);

    eventually(|| DataDirectory::lock(directory.path()).ok().map(drop)).await;
    let store = open_failing(directory.path());
    let ended = grant(1).ended(EndCause::Revoked, Timestamp::from_millis(1));
    let replace = Write::Replace(version, ended.clone());
    assert_eq!(store.grants().write(replace).await, Err(WriteError::Unknown));
    store.stopped().await.expect_err("the store says that it cannot go on");

    let refused = store.clients().write(Write::Insert(client(1))).await;
    assert!(matches!(refused, Err(WriteError::Unavailable)), "{refused:?}");
    let shown = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert_eq!((shown.version(), &*shown), (version, &grant(1)));
    let page = store.grants().page(None, 10).await.expect("a page");
    assert_eq!(page.iter().map(Stored::version).collect::<Vec<_>>(), [version]);
    assert_eq!(store.head().await, Ok(head));
    assert!(store.changes(head, 10).await.expect("no event").is_empty());
    assert_eq!(store.changed(head).await, Err(ReadError::Unavailable));
    store.close().await.expect_err("closing does not make it well");
    drop(store);

    eventually(|| DataDirectory::lock(directory.path()).ok().map(drop)).await;
    let store = open(directory.path());
    let found = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert!(*found == grant(1) || *found == ended, "a whole state, before or after");
    let news = store.changes(head, 10).await.expect("the feed");
    assert!(*found == grant(1) || news.len() == 1, "a state that is there has its event");
    store.clients().write(Write::Insert(client(1))).await.expect("it goes on");
}
