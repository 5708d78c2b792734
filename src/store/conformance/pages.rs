//! Pages of records: ordered, complete, and durable states only.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::task::JoinSet;

use super::samples::attempts;
use crate::{
    domain::attempts::Attempts,
    store::{Records as _, Store, Stored, Version, Write},
};

pub(super) async fn records_are_paged_in_key_order(store: &impl Store) {
    let records = store.attempts();
    assert_eq!(records.page(None, 10).await.expect("a page").len(), 0);
    let before = store.head().await.expect("the head");
    for number in [3, 1, 5, 2, 4] {
        records.write(Write::Insert(attempts(number, 1))).await.expect("an insert");
    }
    assert_eq!(store.head().await, Ok(before), "failed logins are no news");
    let third = records.get(&attempts(3, 1).id).await.expect("a read").expect("the record");
    let replaced = records.write(Write::Replace(third.version(), attempts(3, 2))).await;
    let replaced = replaced.expect("a replace");
    let fourth = records.get(&attempts(4, 1).id).await.expect("a read").expect("the record");
    records.write(Write::Delete(fourth.version(), fourth.id)).await.expect("a delete");

    let all = records.page(None, 100).await.expect("a page");
    let expected = [attempts(1, 1), attempts(2, 1), attempts(3, 2), attempts(5, 1)];
    assert!(all.iter().map(|record| &**record).eq(&expected), "{all:?}");
    assert_eq!(all[2].version(), replaced);
    let first = records.page(None, 2).await.expect("a page");
    assert_eq!(
        first.iter().map(|record| record.id).collect::<Vec<_>>(),
        [expected[0].id, expected[1].id]
    );
    // A position between two records is a valid cursor too.
    let rest = records.page(Some(&attempts(4, 1).id), 2).await.expect("a page");
    assert_eq!(rest.iter().map(|record| record.id).collect::<Vec<_>>(), [expected[3].id]);
    assert!(records.page(Some(&expected[3].id), 2).await.expect("a page").is_empty());
    for record in all {
        records.write(Write::Delete(record.version(), record.id)).await.expect("a delete");
    }
}

/// Half of the records stay and count up, while the others come and go and pages are read.
pub(super) async fn pages_hold_what_stays_and_nothing_that_is_not_durable<S: Store + Clone>(
    store: &S,
) {
    const WRITERS: u8 = 8;
    let writing = Arc::new(AtomicU8::new(WRITERS));
    let mut tasks = JoinSet::new();
    for number in 0..WRITERS {
        let stays = Write::Insert(attempts(number * 2, 0));
        let version = store.attempts().write(stays).await.expect("an insert");
        let (store, writing) = (store.clone(), Arc::clone(&writing));
        tasks.spawn(async move {
            come_and_go(&store, number, version).await;
            writing.fetch_sub(1, Ordering::SeqCst);
        });
    }
    while writing.load(Ordering::SeqCst) > 0 {
        let seen = all_pages(store).await;
        assert!(seen.is_sorted_by(|one, next| one.id < next.id), "in order, and none twice");
        for number in 0..WRITERS {
            let id = attempts(number * 2, 0).id;
            let paged = seen.iter().find(|record| record.id == id).expect("a record that stays");
            let read = store.attempts().get(&id).await.expect("a read").expect("the record");
            assert!(read.failures >= paged.failures, "a page is ahead of what is durable");
        }
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    assert_eq!(all_pages(store).await.len(), usize::from(WRITERS));
}

async fn come_and_go(store: &impl Store, number: u8, mut version: Version) {
    const ROUNDS: u32 = 60;
    for round in 1..=ROUNDS {
        let comes = attempts(number * 2 + 1, round);
        let id = comes.id;
        let inserted = store.attempts().write(Write::Insert(comes)).await.expect("an insert");
        let replace = Write::Replace(version, attempts(number * 2, round));
        version = store.attempts().write(replace).await.expect("a replace");
        let delete = Write::Delete(inserted, id);
        store.attempts().write(delete).await.expect("a delete");
    }
}

async fn all_pages(store: &impl Store) -> Vec<Stored<Attempts>> {
    const LIMIT: usize = 3;
    let mut seen: Vec<Stored<Attempts>> = Vec::new();
    loop {
        let after = seen.last().map(|record| record.id);
        let page = store.attempts().page(after.as_ref(), LIMIT).await.expect("a page");
        let full = page.len() == LIMIT;
        seen.extend(page);
        if !full {
            return seen;
        }
    }
}
