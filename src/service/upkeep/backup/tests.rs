//! Records that change during a backup are in it in their last state.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    domain::{
        client::Client,
        entropy::Entropy,
        epoch::Epoch,
        grant::{EndCause, Grant, Origin},
        time::Clock,
        user::User,
    },
    store::{
        Record, Records, Stored, Write,
        backup::{BackupReader, Grants, Summary, restore},
        conformance::{client, grant, user},
        memory::MemoryStore,
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn age(&self) -> Duration {
        Duration::ZERO
    }
}

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(6);
    }
}

/// More than a page of them.
fn numbered(number: usize) -> Grant {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    // Something that does not compress, as the hashes of real tokens do not.
    let noise = format!("{:?}", Sha256::digest(id));
    let origin = Box::new(Origin { peer: None, user_agent: Some(noise.into()) });
    Grant { id: GrantId::from_bytes(id), origin, ..grant(1) }
}

async fn insert<R: Record>(store: &impl Records<R>, record: R) {
    store.write(Write::Insert(record)).await.expect("inserted");
}

async fn get<R: Record>(store: &impl Records<R>, key: &R::Key) -> Option<Stored<R>> {
    store.get(key).await.expect("a read")
}

async fn replace<R: Record>(store: &impl Records<R>, record: R) {
    let before = get(store, &record.key()).await.expect("it is there");
    store.write(Write::Replace(before.version(), record)).await.expect("replaced");
}

fn root() -> ClientId {
    ClientId::parse("root").expect("an id")
}

fn backups(store: &MemoryStore) -> Backups<MemoryStore> {
    Backups::new(crate::service::records::Records::new(
        store.clone(),
        Arc::new(Fixed),
        Arc::new(Fixed),
    ))
}

async fn finished(backups: &Backups<MemoryStore>, mut backup: Backup) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = backups.continue_backup(&mut backup).await.expect("a piece") {
        assert!(piece.data.len() <= PIECE_BYTES && piece.records <= piece.total_records);
        bytes.extend(piece.data);
    }
    bytes
}

async fn restored(bytes: &[u8]) -> (MemoryStore, Summary) {
    let store = MemoryStore::new();
    let reader = BackupReader::new(bytes).expect("a backup");
    let restored = restore(reader, &store, Grants::Keep, &Fixed, NOW).await;
    (store, restored.expect("restored").0)
}

#[tokio::test]
async fn what_ends_behind_the_page_that_held_it_is_ended_in_the_file() {
    let store = MemoryStore::new();
    let backups = backups(&store);
    for number in 0..2 * PAGE {
        insert::<Grant>(&store, numbered(number)).await;
    }
    for number in [1, 2, 3] {
        insert(&store, client(number)).await;
        insert(&store, user(number)).await;
    }
    let mut backup = backups.start_backup(&root()).await.expect("begun");
    while !matches!(backup.step, Step::Grants(Some(_))) {
        backups.step(&mut backup).await.expect("a step");
    }
    // All clients and users and the first page of grants are in the file.
    replace(&store, numbered(7).ended(EndCause::Revoked, NOW)).await;
    let mut moved = client(1);
    moved.epoch = Epoch::generate(&Fixed);
    replace(&store, moved.clone()).await;
    let mut disabled = user(2);
    disabled.disabled = true;
    replace(&store, disabled.clone()).await;
    let gone = get::<Client>(&store, &client(3).id).await.expect("a client");
    let delete = Write::<Client>::Delete(gone.version(), gone.id.clone());
    store.write(delete).await.expect("deleted");
    let (copy, summary) = restored(&finished(&backups, backup).await).await;
    assert!(get::<Grant>(&copy, &numbered(7).id).await.expect("a grant").end.is_some());
    assert!(get::<Grant>(&copy, &numbered(8).id).await.expect("a grant").end.is_none());
    assert_eq!(*get::<Client>(&copy, &moved.id).await.expect("a client"), moved);
    assert_eq!(*get::<User>(&copy, &disabled.id).await.expect("a user"), disabled);
    assert!(get::<Client>(&copy, &client(3).id).await.is_none());
    assert_eq!(summary.counts.records(), 2 * PAGE as u64 + 6);
    assert_eq!(summary.counts.repeats, 4);
}

#[tokio::test]
async fn a_piece_waits_for_the_one_before_to_be_fetched() {
    let store = MemoryStore::new();
    let backups = backups(&store);
    for number in 0..40 * PAGE {
        insert::<Grant>(&store, numbered(number)).await;
    }
    let mut backup = backups.start_backup(&root()).await.expect("begun");
    let piece = backups.continue_backup(&mut backup).await.expect("a piece").expect("data");
    assert_eq!(piece.data.len(), PIECE_BYTES);
    assert!(piece.records < 40 * PAGE as u64, "the rest is not read yet");
    let kept = [piece.data, finished(&backups, backup).await].concat();
    assert_eq!(restored(&kept).await.1.counts.grants, 40 * PAGE as u64);
}

#[tokio::test]
async fn an_administrator_has_one_backup_at_a_time_and_all_together_two() {
    let store = MemoryStore::new();
    let backups = backups(&store);
    let other = ClientId::parse("other").expect("an id");
    let first = backups.start_backup(&root()).await.expect("begun");
    let busy = Error::Overloaded { retry_after: PAUSE };
    assert_eq!(backups.start_backup(&root()).await.map(drop), Err(busy.clone()));
    let second = backups.start_backup(&other).await.expect("begun");
    let third = ClientId::parse("third").expect("an id");
    assert_eq!(backups.start_backup(&third).await.map(drop), Err(busy));
    finished(&backups, first).await;
    let given_up = backups.start_backup(&root()).await.expect("begun");
    drop((given_up, second));
    backups.start_backup(&root()).await.expect("begun");
}
