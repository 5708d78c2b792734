//! The changes feed: its events, their order, and trimming.

use std::{collections::BTreeMap, future::Future as _, pin::pin, task::Poll};

use futures_util::future::{join_all, poll_fn};
use tokio::task::JoinSet;

use super::samples::{NOW, client, grant, user};
use crate::{
    domain::{
        audience::Audience,
        change::{Change, GrantChange},
        client_id::ClientId,
        delegation::Delegates,
        grant::{EndCause, Generation, Grant},
        grant_id::GrantId,
        subject::UserId,
        time::Timestamp,
        user::User,
        user_name::UserName,
    },
    store::{FeedError, Records as _, Sequence, Store, Write},
};

pub(super) async fn revocations_and_changes_are_events_and_rotations_are_not(store: &impl Store) {
    let before = store.head().await.expect("the head");
    let version = store.grants().write(Write::Insert(grant(3))).await.expect("an insert");
    let rotated = Grant {
        current: Generation { number: 1, ..grant(3).current },
        previous: Some(Box::new(grant(3).current)),
        ..grant(3)
    };
    let replace = Write::Replace(version, rotated.clone());
    let version = store.grants().write(replace).await.expect("a rotation");
    assert_eq!(store.head().await, Ok(before));
    let ended = rotated.ended(EndCause::Revoked, NOW);
    store.grants().write(Write::Replace(version, ended)).await.expect("a revocation");
    let after = store.head().await.expect("the head");
    assert_eq!(after.0, before.0 + 1);
    store.clients().write(Write::Insert(client(1))).await.expect("a client");
    assert_eq!(store.head().await.expect("the head").0, after.0 + 1);

    let events = store.changes(before, 10).await.expect("the events");
    let revocation = Change::GrantEnded(GrantChange {
        grant_id: grant(3).id,
        generation: 1,
        client_id: grant(3).client_id,
        audience: grant(3).audience,
        time: Some(NOW),
    });
    let news = Change::of_client(None, Some(&client(1))).expect("a new client is news");
    assert_eq!(events, [(after, revocation), (Sequence(after.0 + 1), news.clone())]);
    let last = store.changes(after, 10).await.expect("the last event");
    assert_eq!(last, [(Sequence(after.0 + 1), news)]);
    assert_eq!(store.changes(before, 1).await.expect("one event"), events[..1]);
    assert!(store.changes(Sequence(after.0 + 1), 10).await.expect("no event").is_empty());
    assert_eq!(store.changes(Sequence(after.0 + 2), 10).await, Err(FeedError::Ahead));
    assert_eq!(store.changes(Sequence(u64::MAX), 10).await, Err(FeedError::Ahead));
}

pub(super) async fn the_end_of_a_grant_names_those_who_hold_what_came_of_it(store: &impl Store) {
    let holder = ClientId::parse("orders").expect("a client id");
    let audience = Audience::from_names(["billing"]).expect("an audience");
    let delegates = Delegates::default().with(&holder, &audience).expect("few");
    let first = Grant { id: GrantId::from_bytes([90; 16]), ..grant(3) };
    let version = store.grants().write(Write::Insert(first.clone())).await.expect("an insert");
    let before = store.head().await.expect("the head");
    let noted = Grant { delegates: delegates.clone().kept(), ..first };
    let replace = Write::Replace(version, noted.clone());
    let version = store.grants().write(replace).await.expect("noted");
    assert_eq!(store.head().await, Ok(before), "nothing has ended");
    let found = store.grants().get(&noted.id).await.expect("a read").expect("the grant");
    assert_eq!(*found, noted);
    let ended = noted.ended(EndCause::Revoked, NOW);
    store.grants().write(Write::Replace(version, ended)).await.expect("a revocation");
    let events = store.changes(before, 10).await.expect("the events");
    let [(_, Change::FamilyEnded(family))] = &events[..] else { panic!("{events:?}") };
    assert_eq!((family.grant.grant_id, &family.delegates), (noted.id, &delegates));
}

pub(super) async fn whoever_waits_hears_of_the_next_event(store: &impl Store) {
    let head = store.head().await.expect("the head");
    let mut changed = pin!(store.changed(head));
    let early = poll_fn(|context| Poll::Ready(changed.as_mut().poll(context).is_ready())).await;
    assert!(!early, "there is no news yet");
    store.clients().write(Write::Insert(client(40))).await.expect("an insert");
    changed.await.expect("news");
    assert_eq!(store.changes(head, 10).await.expect("the news").len(), 1);
    store.changed(head).await.expect("old news is news to whoever has not heard it");
}

const WRITERS: u8 = 100;
const ROUNDS: u64 = 5;

/// Returns a user that changes `round` times. The round is in the record and in the event.
fn changing(number: u8, round: u64) -> User {
    User {
        id: UserId::from_bytes([number; 16]),
        name: UserName::parse(&format!("changing-{number}")).expect("a name"),
        update_time: Timestamp::from_millis(round),
        ..user(number)
    }
}

/// Changes a user in rounds at one store. After each answer another store has the change in its feed.
async fn change_in_rounds<S: Store>(number: u8, store: S, other: S) {
    let mut version = None;
    for round in 1..=ROUNDS {
        let before = other.head().await.expect("the head");
        let user = changing(number, round);
        let (id, time) = (user.id, Some(user.update_time));
        let write = match version {
            None => Write::Insert(user),
            Some(version) => Write::Replace(version, user),
        };
        version = Some(store.users().write(write).await.expect("a write"));
        let told = other.changes(before, usize::from(u16::MAX)).await.expect("the events");
        let own = |change: &Change| matches!(change, Change::UserChanged(change) if change.user_id == id && change.time == time);
        assert!(
            told.iter().any(|(_, change)| own(change)),
            "the feed has {number} in round {round}"
        );
    }
}

/// Follows the feed through `count` events, and returns them.
async fn follow<S: Store>(store: S, start: Sequence, count: u64, page: usize) -> Vec<Change> {
    let mut rounds = BTreeMap::<UserId, u64>::new();
    let mut cursor = start;
    let mut seen = Vec::new();
    while cursor.0 < start.0 + count {
        store.changed(cursor).await.expect("news");
        let events = store.changes(cursor, page).await.expect("the events");
        assert!(!events.is_empty() && events.len() <= page, "news, and no more than asked for");
        for (sequence, change) in events {
            assert_eq!(sequence.0, cursor.0 + 1, "a gap");
            cursor = sequence;
            assert!(store.head().await.expect("the head") >= cursor);
            let Change::UserChanged(user) = &change else { panic!("somebody else's {change:?}") };
            let round = user.time.expect("no user is deleted").as_millis();
            let last = rounds.insert(user.user_id, round).unwrap_or(0);
            assert_eq!(round, last + 1, "a user's changes are in order");
            let read = store.users().get(&user.user_id).await.expect("a read").expect("the user");
            assert!(read.update_time.as_millis() >= round, "the event came before its state");
            seen.push(change);
        }
    }
    seen
}

/// `stores` are openings of one store: those who follow it at each of them see one order.
pub(crate) async fn followers_of_many_writers_miss_nothing<S: Store + Clone>(stores: &[S]) {
    let start = stores[0].head().await.expect("the head");
    let count = u64::from(WRITERS) * ROUNDS;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let at = |number: u8| stores[usize::from(number) % stores.len()].clone();
        writers.spawn(change_in_rounds(100 + number, at(number), at(number + 1)));
    }
    let pages = [7, 1, 100].into_iter().zip(stores.iter().cycle());
    let followers = pages.map(|(page, store)| follow(store.clone(), start, count, page));
    let seen = join_all(followers).await;
    writers.join_all().await;
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "each saw another order");
    for store in stores {
        assert_eq!(store.head().await, Ok(Sequence(start.0 + count)));
    }
}

pub(super) async fn what_is_trimmed_is_said_to_be_gone(store: &impl Store) {
    let head = store.head().await.expect("the head");
    let start = Sequence(0);
    assert_eq!(store.changes(start, 1).await.expect("the first event")[0].0, Sequence(1));
    assert_eq!(store.trim_changes(start, 10).await, Ok(0));
    assert_eq!(store.trim_changes(Sequence(9), 3).await, Ok(3), "no more than asked for");
    assert_eq!(store.trim_changes(Sequence(5), 10).await, Ok(2), "and not beyond");
    assert_eq!(store.trim_changes(Sequence(5), 10).await, Ok(0));
    let oldest = Sequence(5);
    for old in [start, Sequence(4)] {
        assert_eq!(store.changes(old, 10).await, Err(FeedError::TooOld { oldest }));
    }
    assert_eq!(store.changes(oldest, 1).await.expect("the edge is good")[0].0, Sequence(6));
    let mut left = head.0 - oldest.0;
    while left > 0 {
        let beyond = Sequence(head.0 + 9);
        let trimmed = store.trim_changes(beyond, 1_000).await.expect("trimming");
        assert!(trimmed > 0, "a trimming that can go on does");
        left -= trimmed as u64;
    }
    assert_eq!(store.head().await, Ok(head));
    assert!(store.changes(head, 10).await.expect("the edge is good").is_empty());
    let before = store.changes(Sequence(head.0 - 1), 10).await;
    assert_eq!(before, Err(FeedError::TooOld { oldest: head }));
    store.clients().write(Write::Insert(client(41))).await.expect("an insert");
    let next = store.changes(head, 10).await.expect("the next event");
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].0, Sequence(head.0 + 1));
}
