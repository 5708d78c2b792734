//! The engine as a whole: the contract, and properties that hold across openings.

use std::fs;

use super::{index::Indexed as _, *};
use crate::{
    domain::{entropy::Entropy, user_name::UserName},
    store::{Records as _, Write, conformance},
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

#[tokio::test(flavor = "multi_thread")]
async fn sled_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SledStore::open(&options(directory.path()), &TestEntropy).expect("it opens");
    conformance::run(&store).await;
    store.close().await.expect("it closes in order");
}

#[tokio::test]
async fn sled_survives_being_closed_and_opened_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || SledStore::open(&options(directory.path()), &TestEntropy).ok();
    let reopen = async |store: SledStore| {
        store.close().await.expect("it closes in order");
        drop(store);
        conformance::eventually(open).await
    };
    conformance::survives(open().expect("it opens"), reopen).await;
}

#[tokio::test]
async fn a_second_server_on_one_directory_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let _store = SledStore::open(&options(directory.path()), &TestEntropy).expect("it opens");
    let second = SledStore::open(&options(directory.path()), &TestEntropy);
    assert!(matches!(second, Err(OpenError::InUse)));
}

#[tokio::test]
async fn a_closed_store_refuses_writes_and_comes_back_with_its_id_and_records() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SledStore::open(&options(directory.path()), &TestEntropy).expect("it opens");
    let grant = conformance::grant(1);
    let version = store.grants().write(Write::Insert(grant.clone())).await;
    let version = version.expect("the insert is acknowledged");
    let id = store.id();
    store.close().await.expect("it closes in order");
    let refused = store.grants().write(Write::Delete(version, grant.id)).await;
    assert_eq!(refused, Err(WriteError::Unavailable));
    drop(store);

    let store =
        conformance::eventually(|| SledStore::open(&options(directory.path()), &TestEntropy).ok())
            .await;
    assert_eq!(store.id(), id);
    let found = store.grants().get(&grant.id).await.expect("a read").expect("the grant");
    assert_eq!((found.version(), &*found), (version, &grant));
}

/// A batch removes the entry of the old name before it is synced. Until it is published the user
/// has that name.
#[tokio::test]
async fn while_a_rename_is_being_synced_the_user_is_found_by_the_old_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SledStore::open(&options(directory.path()), &TestEntropy).expect("it opens");
    let (old, new) = (conformance::user(1), UserName::parse("renamed").expect("a name"));
    let version = store.users().write(Write::Insert(old.clone())).await.expect("an insert");
    // The committer does the same, up to the sync.
    let renamed = User { name: new.clone(), ..old.clone() };
    let table = &store.users.table;
    let before = table.read(&old.id).expect("a read").expect("the user");
    assert!(table.open(&old.id, Some(before)));
    let reindex = User::reindex(Some(&old), Some(&renamed));
    for entry in &reindex.put {
        store.trees.index.insert(entry.key.as_slice(), entry.value.as_slice()).expect("written");
    }
    let renamed = Stored::new(version, renamed);
    table.apply(&old.id, Some(&renamed)).expect("written");
    for key in &reindex.remove {
        store.trees.index.remove(key).expect("removed");
    }
    let found = store.user_by_name(&old.name).await.expect("a read");
    assert_eq!(found.as_deref(), Some(&old));
    assert!(store.user_by_name(&new).await.expect("a read").is_none(), "it is not durable yet");
    table.publish(&old.id, Some(renamed));
    assert!(store.user_by_name(&old.name).await.expect("a read").is_none());
    assert!(store.user_by_name(&new).await.expect("a read").is_some());
    store.close().await.expect("it closes in order");
}

/// Fills a store and puts only its data in place.
async fn placed_in_part(path: &Path) {
    let fresh = FreshStore::begin(path, &TestEntropy).expect("an empty directory");
    let client = Write::Insert(conformance::client(1));
    fresh.store().clients().write(client).await.expect("an insert");
    fresh.store().close().await.expect("it closes in order");
    drop(fresh);
    fs::rename(path.join("filling/store"), path.join("store")).expect("moved");
}

#[tokio::test]
async fn a_placing_that_was_cut_short_is_ended_by_the_next_opening() {
    let directory = tempfile::tempdir().expect("a directory");
    placed_in_part(directory.path()).await;
    let open = || SledStore::open(&options(directory.path()), &TestEntropy).ok();
    let store = conformance::eventually(open).await;
    let found = store.clients().get(&conformance::client(1).id).await.expect("a read");
    assert!(found.is_some());
    assert!(!directory.path().join("filling").exists());
    store.close().await.expect("it closes in order");
}

/// The seal that belongs to the data describes it.
#[tokio::test]
async fn a_store_that_was_placed_in_part_and_changed_since_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    placed_in_part(directory.path()).await;
    let data = directory.path().join("store/db");
    let mut bytes = fs::read(&data).expect("sled's file");
    bytes.push(0);
    fs::write(&data, bytes).expect("written");
    let refused = loop {
        match SledStore::open(&options(directory.path()), &TestEntropy) {
            Err(OpenError::InUse) => tokio::task::yield_now().await,
            other => break other.map(drop),
        }
    };
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
}
