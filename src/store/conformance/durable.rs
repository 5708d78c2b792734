//! State that a store on disk keeps when it is closed and opened again.

use super::samples::{attempts, client, grant, used_assertion, user};
use crate::{
    domain::{
        key_ring::KeyId,
        signing_key_id::SigningKeyId,
        signing_register::{NeededKey, SigningChange},
        time::Timestamp,
    },
    store::{FeedError, GrantOwner, Records as _, Sequence, Store, Write, WriteError},
};

/// Fills an empty store, lets `reopen` close and open it three times, and compares.
pub(crate) async fn survives<S: Store>(store: S, reopen: impl AsyncFn(S) -> S) {
    let id = store.id();
    let key = KeyId::from_bytes([5; 4]);
    store.add_key_id(key).await.expect("it is noted");
    let signing = NeededKey {
        key: SigningKeyId::from_bytes([5; 32]),
        until: Timestamp::from_millis(1 << 50),
    };
    let need = SigningChange::Need(vec![signing]);
    store.register_signing(need, Timestamp::default()).await.expect("it is noted");
    let grant_version = store.grants().write(Write::Insert(grant(1))).await.expect("an insert");
    let gone = store.grants().write(Write::Insert(grant(2))).await.expect("an insert");
    store.grants().write(Write::Delete(gone, grant(2).id)).await.expect("a delete");
    store.users().write(Write::Insert(user(1))).await.expect("an insert");
    store.attempts().write(Write::Insert(attempts(1, 2))).await.expect("an insert");
    store.assertions().write(Write::Insert(used_assertion(1))).await.expect("an insert");
    for number in 1..=3 {
        store.clients().write(Write::Insert(client(number))).await.expect("an insert");
    }
    let head = store.head().await.expect("the head");
    assert_eq!(head, Sequence(4));
    let events = store.changes(Sequence(0), 10).await.expect("the feed");

    let store = reopen(store).await;
    assert_eq!((store.id(), store.key_ids().await), (id, Ok(vec![key])));
    assert_eq!(store.needed_signing_keys().await, Ok(vec![signing]));
    let found = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert_eq!((found.version(), &*found), (grant_version, &grant(1)));
    assert!(store.grants().get(&grant(2).id).await.expect("a read").is_none());
    let again = store.grants().write(Write::Insert(grant(2))).await.expect("an insert");
    assert!(![grant_version, gone].contains(&again), "a version never comes back");
    let found = store.user_by_name(&user(1).name).await.expect("a read").expect("the user");
    assert_eq!(*found, user(1));
    let found = store.attempts().page(None, 10).await.expect("a page");
    assert_eq!(found.iter().map(|found| &**found).collect::<Vec<_>>(), [&attempts(1, 2)]);
    let again = store.assertions().write(Write::Insert(used_assertion(1))).await;
    assert_eq!(again, Err(WriteError::Conflict), "what was used stays used");
    let ids = store.grant_ids(&GrantOwner::User(user(1).id), None, 10).await.expect("the ids");
    assert_eq!(ids, [grant(1).id, grant(2).id]);
    assert_eq!(store.head().await, Ok(head));
    assert_eq!(store.changes(Sequence(0), 10).await, Ok(events));

    assert_eq!(store.trim_changes(Sequence(3), 10).await, Ok(3));
    let store = reopen(store).await;
    trimmed(&store, Sequence(3), head).await;
    assert_eq!(store.trim_changes(head, 10).await, Ok(1));
    let store = reopen(store).await;
    trimmed(&store, head, head).await;
    store.clients().write(Write::Insert(client(9))).await.expect("an insert");
    let next = store.changes(head, 10).await.expect("the next event");
    assert_eq!(next.iter().map(|(sequence, _)| sequence.0).collect::<Vec<_>>(), [head.0 + 1]);
}

async fn trimmed(store: &impl Store, oldest: Sequence, head: Sequence) {
    assert_eq!(store.head().await, Ok(head));
    let before = store.changes(Sequence(oldest.0 - 1), 10).await;
    assert_eq!(before, Err(FeedError::TooOld { oldest }));
    let rest = store.changes(oldest, 10).await.expect("the edge is good");
    assert_eq!(rest.len() as u64, head.0 - oldest.0);
    assert_eq!(store.changes(Sequence(head.0 + 1), 10).await, Err(FeedError::Ahead));
}
