//! Grants by owner and by expiry.

use super::samples::{client, grant, user};
use crate::{
    domain::{client_id::ClientId, grant::Grant, subject::Subject, time::Timestamp},
    store::{GrantOwner, Records as _, Store, Stored, Write},
};

pub(super) async fn grants_are_listed_by_their_owners_in_pages(store: &impl Store) {
    // A client whose id continues another's, each with its own user.
    let owner = |number: u8| Grant {
        client_id: ClientId::parse("client-1x").expect("a client id"),
        subject: Subject::User { id: user(8).id, epoch: user(8).epoch },
        ..grant(number)
    };
    for number in 20..25 {
        store.grants().write(Write::Insert(owner(number))).await.expect("an insert");
    }
    let expected: Vec<_> = (20..25).map(|number| grant(number).id).collect();
    for of in [GrantOwner::User(user(8).id), GrantOwner::Client(owner(20).client_id)] {
        let mut listed = Vec::new();
        loop {
            let page = store.grant_ids(&of, listed.last().copied(), 2).await.expect("a page");
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= 2);
            listed.extend(page);
        }
        assert_eq!(listed, expected);
    }
    for of in [GrantOwner::User(user(8).id), GrantOwner::Client(owner(20).client_id)] {
        let newest = store.newest_grant_ids(&of, None, 2).await.expect("the newest");
        assert_eq!(newest, [expected[4], expected[3]]);
        let rest = store.newest_grant_ids(&of, Some(newest[1]), 10).await.expect("the rest");
        assert_eq!(rest, [expected[2], expected[1], expected[0]]);
    }
    let shorter = GrantOwner::Client(client(1).id);
    let others = store.grant_ids(&shorter, None, 100).await.expect("a page");
    assert!(!others.is_empty() && others.iter().all(|id| !expected.contains(id)));
    let gone = store.grants().get(&grant(20).id).await.expect("a read").expect("the grant");
    let delete = Write::Delete(gone.version(), gone.id);
    store.grants().write(delete).await.expect("the delete");
    let left = store.grant_ids(&GrantOwner::User(user(8).id), None, 100).await.expect("a page");
    assert_eq!(left, expected[1..]);
}

pub(super) async fn spent_grants_are_found_when_they_are_spent(store: &impl Store) {
    let early = Timestamp::from_millis(1_000);
    let late = Timestamp::from_millis(9_000);
    let mut short = grant(4);
    short.expire_time = early;
    short.current.access.expire_time = early;
    short.current.refresh = None;
    let version = store.grants().write(Write::Insert(short.clone())).await.expect("an insert");
    let none = store.spent_grants(Timestamp::from_millis(999), 10).await.expect("a scan");
    assert!(none.is_empty());
    let spent = store.spent_grants(early, 10).await.expect("a scan");
    assert_eq!(spent.iter().map(|grant| grant.id).collect::<Vec<_>>(), [short.id]);
    for (now, limit, expected) in [(999, 10, 0), (1_000, 10, 1), (1_000, 0, 0)] {
        let count = store.count_spent(Timestamp::from_millis(now), limit).await;
        assert_eq!(count, Ok(expected), "at {now}, up to {limit}");
    }

    let mut longer = short.clone();
    longer.expire_time = late;
    longer.current.access.expire_time = late;
    let replace = Write::Replace(version, longer);
    let version = store.grants().write(replace).await.expect("a longer life");
    assert!(store.spent_grants(early, 10).await.expect("a scan").is_empty());
    let spent = store.spent_grants(late, 10).await.expect("a scan");
    assert_eq!(spent.iter().map(Stored::version).collect::<Vec<_>>(), [version]);
    store.grants().write(Write::Delete(version, short.id)).await.expect("the delete");
    assert!(store.spent_grants(late, 10).await.expect("a scan").is_empty());
}
