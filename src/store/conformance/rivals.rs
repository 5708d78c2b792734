//! Many writers and readers of one record.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::task::JoinSet;

use super::{
    eventually,
    samples::{grant, user},
};
use crate::{
    domain::{time::Timestamp, user::User},
    store::{Records as _, Store, Write, WriteError},
};

const WRITERS: u32 = 100;

pub(super) async fn of_many_writers_that_expect_one_version_one_succeeds<S: Store + Clone>(
    store: &S,
) {
    let version = store.grants().write(Write::Insert(grant(70))).await.expect("an insert");
    let mut writers = JoinSet::new();
    for number in 1..=WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            let mut next = grant(70);
            next.current.number = number;
            let written = store.grants().write(Write::Replace(version, next)).await;
            let seen = store.grants().get(&grant(70).id).await.expect("a read").expect("it");
            (number, written, seen.version(), seen.current.number)
        });
    }
    let outcomes = writers.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, written, ..)| written.is_ok()).collect();
    let [&(winner, Ok(won), ..)] = winners[..] else { panic!("{winners:?}") };
    for (_, written, seen, number) in outcomes {
        assert!(matches!(written, Ok(_) | Err(WriteError::Conflict)), "{written:?}");
        assert_eq!((seen, number), (won, winner), "everybody sees the winner's state");
    }
}

/// 100 writers each try until they have counted up once: no update is lost.
pub(super) async fn of_many_writers_each_round_has_one_winner<S: Store + Clone>(store: &S) {
    store.grants().write(Write::Insert(grant(5))).await.expect("an insert");
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move { count_up(&store).await });
    }
    let conflicts: u32 = writers.join_all().await.into_iter().sum();
    let found = store.grants().get(&grant(5).id).await.expect("a read").expect("the grant");
    assert_eq!(found.current.number, WRITERS, "after {conflicts} conflicts");
}

async fn count_up(store: &impl Store) -> u32 {
    let mut conflicts = 0;
    loop {
        let found = store.grants().get(&grant(5).id).await.expect("a read").expect("the grant");
        let mut next = (*found).clone();
        next.current.number += 1;
        match store.grants().write(Write::Replace(found.version(), next.clone())).await {
            Ok(version) => {
                let seen = store.grants().get(&grant(5).id).await.expect("a read").expect("it");
                assert!(seen.version() == version || seen.current.number > next.current.number);
                return conflicts;
            }
            Err(WriteError::Conflict) => {
                let seen = store.grants().get(&grant(5).id).await.expect("a read").expect("it");
                assert_ne!(seen.version(), found.version(), "a loser sees the winner's state");
                conflicts += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// While one writer counts a record up, each reader sees numbers that never fall, and at most one
/// number above the last acknowledged one.
pub(super) async fn readers_never_see_a_state_twice_removed<S: Store + Clone>(store: &S) {
    const ROUNDS: u32 = 300;
    let acknowledged = Arc::new(AtomicU32::new(0));
    let mut version = store.grants().write(Write::Insert(grant(6))).await.expect("an insert");
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
        readers.spawn(async move {
            let mut last = 0;
            while last < ROUNDS {
                let floor = acknowledged.load(Ordering::SeqCst);
                let found = store.grants().get(&grant(6).id).await.expect("a read");
                let number = found.expect("the grant").current.number;
                assert!(number >= last.max(floor), "{number} after {last}, {floor} acknowledged");
                assert!(number <= acknowledged.load(Ordering::SeqCst) + 1);
                last = number;
                tokio::task::yield_now().await;
            }
        });
    }
    for number in 1..=ROUNDS {
        let mut next = grant(6);
        next.current.number = number;
        version = store.grants().write(Write::Replace(version, next)).await.expect("a replace");
        acknowledged.store(number, Ordering::SeqCst);
    }
    readers.join_all().await;
}

/// The head that is read after a record covers the record's state.
pub(super) async fn the_head_is_never_behind_what_was_read<S: Store + Clone>(store: &S) {
    const ROUNDS: u64 = 200;
    let changed = |round| User { update_time: Timestamp::from_millis(round), ..user(71) };
    let start = store.head().await.expect("the head");
    let mut version = store.users().write(Write::Insert(changed(1))).await.expect("an insert");
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for round in 2..=ROUNDS {
            let replace = Write::Replace(version, changed(round));
            version = writer.users().write(replace).await.expect("a replace");
        }
    });
    let mut seen = 0;
    while seen < ROUNDS {
        let found = store.users().get(&user(71).id).await.expect("a read").expect("the user");
        seen = found.update_time.as_millis();
        let head = store.head().await.expect("the head");
        assert!(head.0 >= start.0 + seen, "{head:?} after {seen} events from {start:?} on");
        tokio::task::yield_now().await;
    }
    writing.await.expect("the writer ends");
}

/// A reader that notes the position and then reads finds every event up to it in the records, from
/// memory or not, even if another process wrote them.
pub(crate) async fn the_position_is_never_ahead_of_what_is_read_later<S: Store + Clone>(
    writer: &S,
    reader: &S,
) {
    const ROUNDS: u64 = 200;
    let changed = |round| User { update_time: Timestamp::from_millis(round), ..user(73) };
    let start = writer.head().await.expect("the head");
    let mut version = writer.users().write(Write::Insert(changed(1))).await.expect("an insert");
    let writing = writer.clone();
    let writing = tokio::spawn(async move {
        for round in 2..=ROUNDS {
            let replace = Write::Replace(version, changed(round));
            version = writing.users().write(replace).await.expect("a replace");
        }
    });
    let (id, mut seen, mut from_memory) = (user(73).id, 0, 0_u64);
    while seen < ROUNDS {
        let position = reader.position();
        if let Some(kept) = reader.users().cached(&id) {
            let kept = kept.update_time.as_millis();
            assert!(start.0 + kept >= position.0, "memory shows {kept} at {position:?}");
            from_memory += 1;
        }
        let position = reader.position();
        let found = reader.users().get(&id).await.expect("a read").expect("the user");
        seen = found.update_time.as_millis();
        assert!(start.0 + seen >= position.0, "{seen} events from {start:?} on at {position:?}");
        tokio::task::yield_now().await;
    }
    writing.await.expect("the writer ends");
    let head = reader.head().await.expect("the head");
    eventually(|| (reader.position() == head).then_some(())).await;
    println!("{from_memory} reads from memory");
}
