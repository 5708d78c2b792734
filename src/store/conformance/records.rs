//! Single records: the requirements and the effects of each write.

use super::samples::{NOW, attempts, client, grant, used_assertion, user};
use crate::{
    domain::{
        attempts::Attempts,
        grant::{EndCause, Grant, Origin},
    },
    store::{MAX_RECORD_BYTES, Records as _, Store, Stored, Write, WriteError},
};

pub(super) async fn what_was_never_written_is_absent(store: &impl Store) {
    assert!(store.grants().get(&grant(9).id).await.expect("a read").is_none());
    assert!(store.clients().get(&client(9).id).await.expect("a read").is_none());
    assert!(store.users().get(&user(9).id).await.expect("a read").is_none());
    assert!(store.attempts().get(&attempts(9, 1).id).await.expect("a read").is_none());
    assert!(store.user_by_name(&user(9).name).await.expect("a read").is_none());
    assert!(store.grants().cached(&grant(9).id).is_none());
}

pub(super) async fn an_insert_succeeds_only_where_nothing_is(store: &impl Store) {
    let version = store.grants().write(Write::Insert(grant(1))).await.expect("the first insert");
    let again = store.grants().write(Write::Insert(grant(1))).await;
    assert_eq!(again, Err(WriteError::Conflict));
    let found = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert_eq!((found.version(), &*found), (version, &grant(1)));
    assert!(store.grants().cached(&grant(1).id).is_none_or(|cached| *cached == grant(1)));
}

pub(super) async fn a_replace_needs_the_version_that_is_there(store: &impl Store) {
    let first = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    let ended = grant(1).ended(EndCause::Revoked, NOW);
    let replace = Write::Replace(first.version(), ended.clone());
    let second = store.grants().write(replace.clone()).await.expect("the replace");
    assert_ne!(second, first.version());
    assert_eq!(store.grants().write(replace).await, Err(WriteError::Conflict));
    let found = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert_eq!((found.version(), &*found), (second, &ended));
    let absent = Write::Replace(second, grant(9));
    assert_eq!(store.grants().write(absent).await, Err(WriteError::Conflict));
}

pub(super) async fn a_record_beyond_the_limit_is_refused(store: &impl Store) {
    let huge = "x".repeat(MAX_RECORD_BYTES);
    let origin = Box::new(Origin { peer: Some(huge.into()), user_agent: None });
    let refused = store.grants().write(Write::Insert(Grant { origin, ..grant(9) })).await;
    assert_eq!(refused, Err(WriteError::TooLarge));
    assert!(store.grants().get(&grant(9).id).await.expect("a read").is_none());
}

pub(super) async fn a_delete_needs_the_version_and_frees_the_key_for_a_new_one(store: &impl Store) {
    let inserted = store.grants().write(Write::Insert(grant(2))).await.expect("an insert");
    let other = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    let wrong = Write::Delete(other.version(), grant(2).id);
    assert_eq!(store.grants().write(wrong).await, Err(WriteError::Conflict));
    store.grants().write(Write::Delete(inserted, grant(2).id)).await.expect("the delete");
    assert!(store.grants().get(&grant(2).id).await.expect("a read").is_none());
    let again = store.grants().write(Write::Insert(grant(2))).await.expect("a new insert");
    assert_ne!(again, inserted, "a version never comes back");
}

/// Every type of record is kept whole, and none is mistaken for another.
pub(super) async fn records_come_back_as_they_were_written(store: &impl Store) {
    let version = store.clients().write(Write::Insert(client(50))).await.expect("an insert");
    let found = store.clients().get(&client(50).id).await.expect("a read").expect("the client");
    assert_eq!((found.version(), &*found), (version, &client(50)));
    let version = store.users().write(Write::Insert(user(50))).await.expect("an insert");
    let found = store.users().get(&user(50).id).await.expect("a read").expect("the user");
    assert_eq!((found.version(), &*found), (version, &user(50)));
    let written = attempts(50, 3);
    let version = store.attempts().write(Write::Insert(written.clone())).await.expect("an insert");
    let found = store.attempts().get(&written.id).await.expect("a read").expect("the record");
    assert_eq!((found.version(), &*found), (version, &written));
    store.attempts().write(Write::Delete(version, written.id)).await.expect("the delete");
    assert!(store.attempts().get(&written.id).await.expect("a read").is_none());
    let used = used_assertion(50);
    let version = store.assertions().write(Write::Insert(used.clone())).await.expect("an insert");
    let again = store.assertions().write(Write::Insert(used.clone())).await;
    assert_eq!(again, Err(WriteError::Conflict), "used once");
    let found = store.assertions().page(None, 10).await.expect("a page");
    assert_eq!(found.iter().map(|found| &**found).collect::<Vec<_>>(), [&used]);
    store.assertions().write(Write::Delete(version, used.id)).await.expect("the delete");
    assert!(store.assertions().get(&used.id).await.expect("a read").is_none());
}

pub(super) async fn many_are_read_as_each_is_alone(store: &impl Store) {
    const MANY: u8 = 100;
    for number in (0..MANY).step_by(2) {
        store.attempts().write(Write::Insert(attempts(number, 1))).await.expect("an insert");
    }
    // The ids are unordered, some are absent, and one appears twice.
    let ids: Vec<_> = (0..MANY).rev().chain([4]).map(|number| attempts(number, 1).id).collect();
    let found = store.attempts().get_many(&ids).await;
    assert_eq!(found.len(), ids.len());
    for (id, found) in ids.iter().zip(found) {
        let (found, alone) = (found.expect("a read"), store.attempts().get(id).await);
        let version = |found: &Option<Stored<Attempts>>| found.as_ref().map(Stored::version);
        assert_eq!(version(&found), version(&alone.expect("a read")));
        let stored = store.attempts().get_stored(id).await;
        assert_eq!(version(&found), version(&stored.expect("a read")));
        assert!(found.is_none_or(|found| found.id == *id));
    }
    assert!(store.attempts().get_many(&[]).await.is_empty());
    for number in (0..MANY).step_by(2) {
        let id = attempts(number, 1).id;
        let found = store.attempts().get(&id).await.expect("a read").expect("the record");
        store.attempts().write(Write::Delete(found.version(), id)).await.expect("a delete");
    }
}
