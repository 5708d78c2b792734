//! Users by name and by identity.

use tokio::task::JoinSet;

use super::samples::user;
use crate::{
    domain::{subject::UserId, user::User, user_identity::UserIdentity},
    store::{Records as _, Store, Write, WriteError},
};

pub(super) async fn a_users_name_is_unique_and_follows_renames(store: &impl Store) {
    let version = store.users().write(Write::Insert(user(1))).await.expect("an insert");
    let twin = User { name: user(1).name, ..user(2) };
    assert_eq!(store.users().write(Write::Insert(twin)).await, Err(WriteError::Conflict));
    let renamed = User { name: user(3).name, ..user(1) };
    store.users().write(Write::Replace(version, renamed)).await.expect("a rename");
    assert!(store.user_by_name(&user(1).name).await.expect("a read").is_none());
    let found = store.user_by_name(&user(3).name).await.expect("a read").expect("the user");
    assert_eq!(found.id, user(1).id);
    let heir = User { name: user(1).name, ..user(2) };
    store.users().write(Write::Insert(heir)).await.expect("the name is free again");
}

pub(super) async fn users_are_found_by_their_identities_as_they_are_now(store: &impl Store) {
    let identity = |subject| UserIdentity::new("corp", subject).expect("an identity");
    let ids = async |subject| {
        let found = store.users_by_identity(&identity(subject)).await.expect("a read");
        let mut ids: Vec<_> = found.iter().map(|user| user.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("a").await, []);
    let linked = User { identities: vec![identity("a"), identity("b")], ..user(91) };
    let version = store.users().write(Write::Insert(linked.clone())).await.expect("an insert");
    assert_eq!((ids("a").await, ids("b").await), (vec![linked.id], vec![linked.id]));
    let other = UserIdentity::new("partner", "a").expect("an identity");
    assert!(store.users_by_identity(&other).await.expect("a read").is_empty());
    let twin = User { identities: vec![identity("b")], ..user(92) };
    store.users().write(Write::Insert(twin.clone())).await.expect("an insert");
    assert_eq!(ids("b").await, [linked.id, twin.id]);
    let moved = User { identities: vec![identity("c")], name: user(93).name, ..linked };
    let version =
        store.users().write(Write::Replace(version, moved.clone())).await.expect("a change");
    assert_eq!((ids("a").await, ids("b").await), (vec![], vec![twin.id]));
    assert_eq!(ids("c").await, [moved.id]);
    store.users().write(Write::Delete(version, moved.id)).await.expect("a deletion");
    assert_eq!(ids("c").await, []);
}

pub(super) async fn of_many_who_want_a_name_one_gets_it<S: Store + Clone>(store: &S) {
    const RIVALS: u8 = 50;
    let mut rivals = JoinSet::new();
    for number in 0..RIVALS {
        let store = store.clone();
        let rival = User {
            id: UserId::from_bytes([200, number].repeat(8).try_into().expect("16")),
            ..user(60)
        };
        rivals.spawn(async move {
            let id = rival.id;
            (id, store.users().write(Write::Insert(rival)).await.map(drop))
        });
    }
    let outcomes = rivals.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, won)| won.is_ok());
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|(_, lost)| *lost == Err(WriteError::Conflict)));
    let found = store.user_by_name(&user(60).name).await.expect("a read").expect("the winner");
    assert_eq!(found.id, won[0].0);
    for (id, _) in lost {
        assert!(store.users().get(&id).await.expect("a read").is_none(), "a loser is there");
    }
}
