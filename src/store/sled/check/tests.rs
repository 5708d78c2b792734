//! Each fault that can be planted is found, reported and, if possible, repaired.

use std::{fs, path::Path};

use sled::Db;

use super::{quarantine::QUARANTINE, *};
use crate::{
    domain::{
        grant::Grant,
        user::User,
        user_name::{TypedName, UserName},
    },
    store::{
        GrantOwner, Record, Records, Sequence, Store as _, Write, conformance,
        sled::{
            SledOptions, SledStore,
            index::{self, Indexed as _},
        },
    },
};

struct TestEntropy(u8);

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

const KEY: KeyId = KeyId::from_bytes([1; 4]);

async fn insert<R: Record>(records: &impl Records<R>, record: R) {
    records.write(Write::Insert(record)).await.expect("acknowledged");
}

/// A store with two clients, two users, and three grants of the first of each.
async fn store() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path()).await;
    for number in [1, 2] {
        insert(store.clients(), conformance::client(number)).await;
        insert(store.users(), conformance::user(number)).await;
    }
    for number in [1, 2, 3] {
        let grant = conformance::grant(number);
        store.add_key_id(grant.current.key_id).await.expect("noted");
        insert(store.grants(), grant).await;
    }
    store.close().await.expect("it closes in order");
    directory
}

async fn open(path: &Path) -> SledStore {
    let options = SledOptions::new(path.to_owned(), 1 << 20);
    conformance::eventually(|| SledStore::open(&options, &TestEntropy(7)).ok()).await
}

/// Changes the trees without the store.
async fn tamper(path: &Path, change: impl FnOnce(&Db)) {
    let directory = conformance::eventually(|| DataDirectory::lock(path).ok()).await;
    let Opened { db, .. } = directory.open(CACHE_BYTES).expect("it opens");
    change(&db);
    db.flush().expect("flushed");
}

async fn run(path: &Path, repair: bool) -> Report {
    let options = CheckOptions { path: path.to_owned(), ring: None, repair };
    conformance::eventually(|| match check(&options, &TestEntropy(8)) {
        Err(CheckError::Open(OpenError::InUse)) => None,
        outcome => Some(outcome.expect("a report")),
    })
    .await
}

/// Checks that exactly the expected faults are found, that a check without a repair only reports
/// them, and that none remains after a repair.
async fn finds_and_repairs(path: &Path, expected: &[Finding]) {
    for _ in 0..2 {
        let report = run(path, false).await;
        assert_eq!(report.findings, expected);
        assert!(!report.is_good() && report.repaired == 0);
    }
    let report = run(path, true).await;
    assert_eq!(report.findings, expected);
    assert!(report.is_good(), "{report:?}");
    let report = run(path, false).await;
    assert_eq!(report.findings, []);
}

fn tree(db: &Db, name: &str) -> sled::Tree {
    db.open_tree(name).expect("a tree")
}

fn entries_of(number: u8) -> Vec<index::Entry> {
    Grant::reindex(None, Some(&conformance::grant(number))).put
}

#[tokio::test]
async fn a_store_in_order_is_good_and_counted() {
    let directory = store().await;
    let report = run(directory.path(), false).await;
    let expected = Report {
        clients: 2,
        users: 2,
        grants: 3,
        entries: 2 + 3 * 3,
        changes: 4,
        ..Report::default()
    };
    assert_eq!(report, expected);
}

#[tokio::test]
async fn every_missing_entry_is_found_and_written_again() {
    let directory = store().await;
    let path = directory.path();
    let key: Box<[u8]> = conformance::grant(2).id.as_bytes().as_slice().into();
    for entry in entries_of(2) {
        tamper(path, |db| drop(tree(db, "index").remove(&entry.key).expect("removed"))).await;
        let entry = entry.key.into();
        finds_and_repairs(path, &[Finding::NotIndexed { tree: "grants", key: key.clone(), entry }])
            .await;
    }
    let name = index::by_name(&conformance::user(1).name);
    tamper(path, |db| drop(tree(db, "index").remove(&name).expect("removed"))).await;
    let key = conformance::user(1).id.as_bytes().as_slice().into();
    finds_and_repairs(path, &[Finding::NotIndexed { tree: "users", key, entry: name.into() }])
        .await;
    let store = open(path).await;
    let name = conformance::user(1).name;
    assert!(store.user_by_name(&name).await.expect("a read").is_some());
}

#[tokio::test]
async fn entries_that_point_nowhere_are_leftovers_and_dropped_by_a_repair() {
    let directory = store().await;
    let path = directory.path();
    let stray = index::by_name(&UserName::parse("nobody").expect("a name"));
    tamper(path, |db| {
        for entry in entries_of(9) {
            tree(db, "index").insert(entry.key, entry.value).expect("written");
        }
        tree(db, "index").insert(stray, &[9; 16]).expect("written");
    })
    .await;
    let report = run(path, false).await;
    assert!(report.is_good() && report.faults == 0);
    assert_eq!(report.leftovers, 4);
    run(path, true).await;
    let report = run(path, false).await;
    assert_eq!(report.leftovers, 1, "the sweeper settles an expiry entry itself");
}

#[tokio::test]
async fn an_entry_that_contradicts_its_record_is_dropped() {
    let directory = store().await;
    let path = directory.path();
    let owner = GrantOwner::Client(conformance::client(2).id);
    let id = conformance::grant(1).id;
    let wrong = [index::owned_by(&owner).as_slice(), id.as_bytes()].concat();
    tamper(path, |db| {
        tree(db, "index").insert(wrong.as_slice(), &[]).expect("written");
    })
    .await;
    finds_and_repairs(path, &[Finding::Disagrees { entry: wrong.into() }]).await;
}

#[tokio::test]
async fn a_record_that_does_not_decode_is_set_aside_and_one_of_a_newer_release_is_not() {
    let directory = store().await;
    let path = directory.path();
    let (damaged, newer) = (conformance::grant(1).id, conformance::grant(2).id);
    let mut was = Vec::new();
    tamper(path, |db| {
        let grants = tree(db, "grants");
        for (id, format) in [(damaged, 0), (newer, 0xff)] {
            let mut value = grants.get(id.as_bytes()).expect("a read").expect("it").to_vec();
            value[8] = format;
            grants.insert(id.as_bytes(), value.as_slice()).expect("written");
            was.push(value);
        }
    })
    .await;
    let bytes = |id: GrantId| id.as_bytes().as_slice().into();
    let expected = [
        Finding::Undecodable { tree: "grants", key: bytes(damaged) },
        Finding::Newer { tree: "grants", key: bytes(newer) },
    ];
    let report = run(path, true).await;
    assert_eq!((report.findings.as_slice(), report.grants), (&expected[..], 1));
    assert!(!report.is_good());
    assert_eq!(run(path, true).await.findings, [expected[1].clone()]);
    tamper(path, |db| {
        let grants = tree(db, "grants");
        assert!(grants.get(damaged.as_bytes()).expect("a read").is_none());
        assert_eq!(*grants.get(newer.as_bytes()).expect("a read").expect("it"), *was[1]);
        for entry in entries_of(2) {
            assert!(tree(db, "index").contains_key(entry.key).expect("a read"));
        }
    })
    .await;
    let kept = fs::read_to_string(path.join(QUARANTINE)).expect("the file");
    let line: serde_json::Value = serde_json::from_str(kept.trim_end()).expect("one line of JSON");
    let hex = was[0].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!((line["tree"].as_str(), line["value"].as_str()), (Some("grants"), Some(&*hex)));
}

#[tokio::test]
async fn two_users_of_one_name_are_told_and_left_alone() {
    let directory = store().await;
    let path = directory.path();
    let mut twin = conformance::user(2);
    twin.name = conformance::user(1).name;
    tamper(path, |db| {
        let value = [[0; 8].as_slice(), &twin.to_bytes()].concat();
        tree(db, "users").insert(twin.id.as_bytes(), value).expect("written");
    })
    .await;
    let report = run(path, true).await;
    let key = twin.id.as_bytes().as_slice().into();
    assert_eq!(report.findings, [Finding::Namesake { key }]);
    assert!(!report.is_good());
}

#[tokio::test]
async fn a_gap_in_the_feed_is_found_and_its_repair_makes_another_store_of_it() {
    let directory = store().await;
    let path = directory.path();
    let before = open(path).await.id();
    tamper(path, |db| {
        tree(db, "changes").remove(2_u64.to_be_bytes()).expect("removed");
    })
    .await;
    finds_and_repairs(path, &[Finding::FeedGap { missing: Sequence(2) }]).await;
    assert_ne!(open(path).await.id(), before);
    assert_eq!(run(path, false).await.changes, 2, "what follows the gap is kept");

    tamper(path, |db| {
        tree(db, "changes").insert(4_u64.to_be_bytes(), &[0xff]).expect("written");
    })
    .await;
    finds_and_repairs(path, &[Finding::FeedUndecodable { at: Sequence(4) }]).await;
}

#[tokio::test]
async fn keys_that_grants_name_must_be_listed_and_in_the_ring() {
    let directory = store().await;
    let path = directory.path();
    let id = conformance::grant(1).current.key_id;
    tamper(path, |db| {
        let key = [b"key/".as_slice(), id.as_bytes()].concat();
        tree(db, "meta").remove(key).expect("removed");
    })
    .await;
    finds_and_repairs(path, &[Finding::KeyNotNoted(id)]).await;
    let held = [2, 3].map(|number| conformance::grant(number).current.key_id);
    let ring = Some([held.as_slice(), &[KEY]].concat());
    let options = CheckOptions { path: path.to_owned(), ring, repair: true };
    let report = conformance::eventually(|| check(&options, &TestEntropy(8)).ok()).await;
    assert_eq!(report.findings, [Finding::KeyNotHeld(id)]);
    assert!(!report.is_good());
}

#[tokio::test]
async fn a_store_that_is_in_use_or_absent_is_told_so() {
    let directory = store().await;
    let path = directory.path();
    let held = open(path).await;
    let options = |path: &Path| CheckOptions { path: path.to_owned(), ring: None, repair: false };
    let refused = check(&options(path), &TestEntropy(8));
    assert!(matches!(refused, Err(CheckError::Open(OpenError::InUse))));
    drop(held);
    let nowhere = path.join("nowhere");
    let refused = check(&options(&nowhere), &TestEntropy(8));
    assert!(matches!(refused, Err(CheckError::Missing)));
    assert!(!nowhere.exists());
}

/// Returns a user with a name that version 0.1 accepted.
fn formerly(number: u8, name: &str) -> User {
    let typed = TypedName::new(name);
    let name = typed.readings().next().expect("a name").clone();
    User { name, ..conformance::user(number) }
}

#[tokio::test]
async fn names_that_are_one_today_are_told_and_no_fault() {
    let directory = store().await;
    let store = open(directory.path()).await;
    for (number, name) in [
        (11, "tanaka"),
        (12, "ｔａｎａｋａ"),
        (13, "αλέξης"),
        (14, "αλέξησ"),
        (15, "ｓａｔｏ"),
        (16, "sａto"),
        (17, "ｓuzuki"),
    ] {
        insert(store.users(), formerly(number, name)).await;
    }
    store.close().await.expect("it closes in order");
    let report = run(directory.path(), false).await;
    assert!(report.is_good() && report.findings.is_empty(), "{report:?}");
    let pairs: Vec<_> = report
        .joined
        .iter()
        .map(|joined| (joined.first.name.as_str(), joined.second.name.as_str()))
        .collect();
    assert_eq!(pairs, [("ｓａｔｏ", "sａto"), ("tanaka", "ｔａｎａｋａ"), ("αλέξησ", "αλέξης")]);
    assert_eq!(report.names_joined, 3);
    let text = report.joined[1].to_string();
    let (one, other) = (formerly(11, "tanaka").id, formerly(12, "tanaka").id);
    let expected = format!("users: \"tanaka\" ({one}) and \"ｔａｎａｋａ\" ({other}) are one name");
    assert_eq!(text, expected);
}
