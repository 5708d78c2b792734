//! Tests of a store with a damaged record: all other work goes on.

use std::{path::Path, time::Duration};

use super::{SledOptions, SledStore};
use crate::{
    domain::{entropy::Entropy, grant::Grant},
    store::{
        ReadError, Records as _, Store as _, Stored, Write,
        conformance::{eventually, grant},
    },
};

struct TestEntropy;

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

async fn open(path: &Path) -> SledStore {
    let options = SledOptions::new(path.to_owned(), 1 << 20);
    eventually(|| SledStore::open(&options, &TestEntropy).ok()).await
}

/// A store of three grants. The second does not decode.
async fn store(path: &Path) -> SledStore {
    let store = open(path).await;
    for number in [1, 2, 3] {
        store.grants().write(Write::Insert(grant(number))).await.expect("an insert");
    }
    let tree = store.engine.tree("grants").expect("the tree");
    tree.insert(grant(2).id.as_bytes(), vec![0xff; 40]).expect("it is written");
    store.close().await.expect("it closes in order");
    drop((store, tree));
    // Opening the store again empties the cache.
    open(path).await
}

fn ids(grants: &[Stored<Grant>]) -> Vec<u8> {
    grants.iter().map(|grant| grant.id.as_bytes()[0]).collect()
}

#[tokio::test]
async fn a_page_passes_over_it_and_it_is_counted_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(directory.path()).await;
    assert_eq!(store.condition().damaged, 0);
    for limit in [1, 2, 3, 10] {
        let mut seen: Vec<Stored<Grant>> = Vec::new();
        loop {
            let after = seen.last().map(|grant| grant.id);
            let page = store.grants().page(after.as_ref(), limit).await.expect("a page");
            let more = page.len() == limit;
            seen.extend(page);
            if !more {
                break;
            }
        }
        assert_eq!(ids(&seen), [1, 3], "pages of {limit}");
    }
    let read = store.grants().get(&grant(2).id).await;
    assert_eq!(read.map(drop), Err(ReadError::Corrupt));
    assert_eq!(store.condition().damaged, 1);
}

#[tokio::test]
async fn the_sweeper_frees_what_is_behind_it_and_leaves_it_alone_for_a_day() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(directory.path()).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let spent = grant(1).spent_time().after(day);
    // One grant a page: the damaged one stands before the third.
    for expected in [1, 3] {
        let found = store.spent_grants(spent, 1).await.expect("spent grants");
        assert_eq!(ids(&found), [expected]);
        let delete = Write::Delete(found[0].version(), found[0].id);
        store.grants().write(delete).await.expect("a delete");
    }
    assert!(store.spent_grants(spent, 1).await.expect("none").is_empty());
    assert_eq!((store.count_spent(spent, 10).await, store.condition().damaged), (Ok(0), 1));
    assert_eq!(store.count_spent(spent.after(day), 10).await, Ok(1));
}
