//! One suite for every engine: each sentence of the contract as a test against a live store.

mod feed;
mod pages;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{GrantOwner, MAX_RECORD_BYTES, Records as _, Store, Stored, Write, WriteError};
use crate::domain::{
    attempts::{Attempts, AttemptsId},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    entropy::Entropy,
    epoch::Epoch,
    grant::{EndCause, Grant, Origin},
    grant_id::GrantId,
    grant_type::{GrantType, GrantTypes},
    issue::{IssueRequest, issue},
    key_ring::{KEY_BYTES, KeyId, ServerKey},
    scopes::Scopes,
    subject::{Subject, UserId},
    time::Timestamp,
    user::{PasswordHash, User},
    user_name::UserName,
};

/// Repeats one byte: records that tests can tell apart.
struct Repeated(u8);

impl Entropy for Repeated {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) fn client(number: u8) -> Client {
    Client {
        id: ClientId::parse(&format!("client-{number}")).expect("a client id"),
        client_type: ClientType::Confidential,
        secrets: Vec::new(),
        grant_types: GrantType::ALL.into_iter().collect::<GrantTypes>(),
        default_scopes: Scopes::parse("read write").expect("scopes"),
        allowed_scopes: Scopes::parse("read write").expect("scopes"),
        audience: Audience::default(),
        lifetimes: Lifetimes::default(),
        grant_limit: GrantLimit::default(),
        request_limit: None,
        certificates: Vec::new(),
        introspect: IntrospectReach::Own,
        permissions: Permissions::default(),
        attributes: Attributes::default(),
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(number)),
        disabled: false,
        declared: [].into(),
    }
}

pub(crate) fn user(number: u8) -> User {
    User {
        id: UserId::from_bytes([number; 16]),
        name: UserName::parse(&format!("user-{number}")).expect("a name"),
        password: PasswordHash("$argon2id$".into()),
        attributes: Attributes::default(),
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(number)),
        disabled: false,
        declared: [].into(),
    }
}

pub(crate) fn grant(number: u8) -> Grant {
    let request = IssueRequest {
        grant_type: GrantType::Password,
        subject: Subject::User { id: user(1).id, epoch: user(1).epoch },
        scopes: Scopes::default(),
        audience: Audience::default(),
        access_ttl: None,
        request_id: None,
        origin: Origin::default(),
    };
    let key = ServerKey::new(&[number; KEY_BYTES]);
    let id = GrantId::from_bytes([number; 16]);
    issue(id, &request, &client(1), &key, &Repeated(number), NOW).grant
}

pub(crate) fn attempts(number: u8, failures: u32) -> Attempts {
    Attempts { id: AttemptsId::from_bytes([number; 16]), failures, last_failure: NOW }
}

/// Waits until `attempt` gives something, for at most ten seconds.
pub(crate) async fn eventually<T>(attempt: impl Fn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(value) = attempt() {
                return value;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it happens in time")
}

/// Runs the whole suite against an empty store.
pub(crate) async fn run<S: Store + Clone>(store: &S) {
    what_was_never_written_is_absent(store).await;
    an_insert_succeeds_only_where_nothing_is(store).await;
    a_replace_needs_the_version_that_is_there(store).await;
    a_record_beyond_the_limit_is_refused(store).await;
    a_delete_needs_the_version_and_frees_the_key_for_a_new_one(store).await;
    a_users_name_is_unique_and_follows_renames(store).await;
    feed::revocations_and_changes_are_events_and_rotations_are_not(store).await;
    feed::whoever_waits_hears_of_the_next_event(store).await;
    feed::a_follower_of_many_writers_misses_nothing(store).await;
    feed::what_is_trimmed_is_said_to_be_gone(store).await;
    grants_are_listed_by_their_owners_in_pages(store).await;
    spent_grants_are_found_when_they_are_spent(store).await;
    server_keys_are_remembered(store).await;
    pages::records_are_paged_in_key_order(store).await;
    pages::pages_hold_what_stays_and_nothing_that_is_not_durable(store).await;
    of_many_writers_each_round_has_one_winner(store).await;
    readers_never_see_a_state_twice_removed(store).await;
}

async fn what_was_never_written_is_absent(store: &impl Store) {
    assert!(store.grants().get(&grant(9).id).await.expect("a read").is_none());
    assert!(store.user_by_name(&user(9).name).await.expect("a read").is_none());
}

async fn an_insert_succeeds_only_where_nothing_is(store: &impl Store) {
    let version = store.grants().write(Write::Insert(grant(1))).await.expect("the first insert");
    let again = store.grants().write(Write::Insert(grant(1))).await;
    assert_eq!(again, Err(WriteError::Conflict));
    let found = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    assert_eq!((found.version(), &*found), (version, &grant(1)));
    assert!(store.grants().cached(&grant(1).id).is_none_or(|cached| *cached == grant(1)));
}

async fn a_replace_needs_the_version_that_is_there(store: &impl Store) {
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

async fn a_record_beyond_the_limit_is_refused(store: &impl Store) {
    let huge = "x".repeat(MAX_RECORD_BYTES);
    let origin = Origin { peer: Some(huge.into()), user_agent: None };
    let refused = store.grants().write(Write::Insert(Grant { origin, ..grant(9) })).await;
    assert_eq!(refused, Err(WriteError::TooLarge));
    assert!(store.grants().get(&grant(9).id).await.expect("a read").is_none());
}

async fn a_delete_needs_the_version_and_frees_the_key_for_a_new_one(store: &impl Store) {
    let inserted = store.grants().write(Write::Insert(grant(2))).await.expect("an insert");
    let other = store.grants().get(&grant(1).id).await.expect("a read").expect("the grant");
    let wrong = Write::Delete(other.version(), grant(2).id);
    assert_eq!(store.grants().write(wrong).await, Err(WriteError::Conflict));
    store.grants().write(Write::Delete(inserted, grant(2).id)).await.expect("the delete");
    assert!(store.grants().get(&grant(2).id).await.expect("a read").is_none());
    let again = store.grants().write(Write::Insert(grant(2))).await.expect("a new insert");
    assert_ne!(again, inserted, "a version never comes back");
}

async fn a_users_name_is_unique_and_follows_renames(store: &impl Store) {
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

async fn grants_are_listed_by_their_owners_in_pages(store: &impl Store) {
    // A client whose id continues another's, and a user of their own.
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
    let shorter = GrantOwner::Client(client(1).id);
    let others = store.grant_ids(&shorter, None, 100).await.expect("a page");
    assert!(!others.is_empty() && others.iter().all(|id| !expected.contains(id)));
    let gone = store.grants().get(&grant(20).id).await.expect("a read").expect("the grant");
    let delete = Write::Delete(gone.version(), gone.id);
    store.grants().write(delete).await.expect("the delete");
    let left = store.grant_ids(&GrantOwner::User(user(8).id), None, 100).await.expect("a page");
    assert_eq!(left, expected[1..]);
}

async fn spent_grants_are_found_when_they_are_spent(store: &impl Store) {
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

async fn server_keys_are_remembered(store: &impl Store) {
    let id = KeyId::from_bytes([1, 2, 3, 4]);
    store.add_key_id(id).await.expect("it is noted");
    store.add_key_id(id).await.expect("noting it twice is noting it once");
    assert_eq!(store.key_ids(), [id]);
}

/// 100 writers, each trying until it has counted one up: no update is lost.
async fn of_many_writers_each_round_has_one_winner<S: Store + Clone>(store: &S) {
    const WRITERS: u32 = 100;
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

/// While one writer counts a record up, each reader sees numbers that never fall, and never one
/// that the writer has not been told is durable, save the one under way.
async fn readers_never_see_a_state_twice_removed<S: Store + Clone>(store: &S) {
    use std::sync::atomic::{AtomicU32, Ordering};

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

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    run(&super::memory::MemoryStore::new()).await;
}
