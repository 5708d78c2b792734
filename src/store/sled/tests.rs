//! The engine as a whole: the contract, and what holds across openings.

use super::*;
use crate::{
    domain::entropy::Entropy,
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
