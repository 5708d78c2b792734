//! Many readers of one key: together they see its states in order, and none before it is durable.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use tokio::task::JoinSet;

use super::samples::grant;
use crate::{
    domain::{grant::Grant, grant_id::GrantId},
    store::{Records as _, Store, Write},
};

/// A key goes through four states: absent, inserted, replaced, and absent again.
const DELETED: u32 = 3;
const READERS: usize = 8;
/// Number of keys, one after the other, unless [`ROUNDS_VARIABLE`] sets it.
const ROUNDS: usize = 200;
const ROUNDS_VARIABLE: &str = "JETON_READER_ROUNDS";

/// The progress of one key.
#[derive(Default)]
struct Round {
    /// The newest state that was requested.
    asked: AtomicU32,
    /// The newest state that a reader has seen or a writer was answered with.
    seen: AtomicU32,
}

#[expect(clippy::disallowed_methods, reason = "long proofs take their length from outside")]
fn rounds() -> usize {
    std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn in_state(number: usize, state: u32) -> Grant {
    let id = GrantId::from_bytes(((0xd000_0000_u128 << 96) | number as u128).to_be_bytes());
    let mut grant = Grant { id, ..grant(1) };
    grant.current.number = state;
    grant
}

/// A reader that begins after another has seen a state sees that state or a newer one.
pub(super) async fn of_many_readers_none_sees_an_older_state_than_another_before<
    S: Store + Clone,
>(
    store: &S,
) {
    let rounds: Arc<Vec<Round>> = Arc::new((0..rounds()).map(|_| Round::default()).collect());
    let current = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (store, rounds, current) = (store.clone(), Arc::clone(&rounds), Arc::clone(&current));
        readers.spawn(async move {
            loop {
                let number = current.load(Ordering::SeqCst);
                let Some(round) = rounds.get(number) else { return };
                look(&store, number, round).await;
                tokio::task::yield_now().await;
            }
        });
    }
    for (number, round) in rounds.iter().enumerate() {
        live(store, number, round).await;
        current.store(number + 1, Ordering::SeqCst);
    }
    readers.join_all().await;
}

async fn live(store: &impl Store, number: usize, round: &Round) {
    let mut written = None;
    for state in 1..=DELETED {
        let record = in_state(number, state);
        let write = match written {
            None => Write::Insert(record),
            Some(version) if state < DELETED => Write::Replace(version, record),
            Some(version) => Write::Delete(version, record.id),
        };
        round.asked.store(state, Ordering::SeqCst);
        written = Some(store.grants().write(write).await.expect("nobody else writes"));
        round.seen.fetch_max(state, Ordering::SeqCst);
    }
}

async fn look(store: &impl Store, number: usize, round: &Round) {
    let floor = round.seen.load(Ordering::SeqCst);
    let found = store.grants().get(&in_state(number, 0).id).await.expect("a read");
    let state = match found {
        Some(grant) => grant.current.number,
        None if floor == 0 => 0,
        None => DELETED,
    };
    let asked = round.asked.load(Ordering::SeqCst);
    assert!((floor..=asked).contains(&state), "key {number}: {state}, after {floor} of {asked}");
    round.seen.fetch_max(state, Ordering::SeqCst);
}
