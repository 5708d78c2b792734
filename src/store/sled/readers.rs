//! Tests of one table with many readers and with batches that follow each other without disk writes
//! in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

use super::{engine::Engine, table::Table};
use crate::{
    domain::{grant::Grant, grant_id::GrantId},
    store::{Stored, Version, conformance::grant, damage::Damage},
};

/// Number of batches for each key, unless a longer run is requested.
const ROUNDS: u32 = 40;
const READERS: usize = 8;
/// Number of reads between the writes of a batch and their publication.
const LOOKS: u32 = 20;

#[expect(clippy::disallowed_methods, reason = "a longer proof takes its length from outside")]
fn rounds() -> u32 {
    let asked = std::env::var("JETON_READER_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn id(round: u32) -> GrantId {
    GrantId::from_bytes(u128::from(round).to_be_bytes())
}

/// State that the readers of one round share with the writer.
#[derive(Default)]
struct Scene {
    /// Number of the round, from 1 on. 0 ends the test.
    round: AtomicU32,
    /// The last round whose publication has begun.
    published: AtomicU32,
    /// The last round whose record a reader has seen.
    seen: AtomicU32,
    failed: AtomicBool,
}

impl Scene {
    fn read(&self, table: &Table<Grant>) {
        loop {
            let round = self.round.load(Ordering::SeqCst);
            if round == 0 {
                return;
            }
            let must = self.seen.load(Ordering::SeqCst) >= round;
            let found = table.read(&id(round)).expect("a read").is_some();
            let may = self.published.load(Ordering::SeqCst) >= round;
            if (must && !found) || (found && !may) {
                self.failed.store(true, Ordering::SeqCst);
            }
            if found {
                self.seen.fetch_max(round, Ordering::SeqCst);
            }
        }
    }

    fn write(&self, table: &Table<Grant>, round: u32) {
        self.round.store(round, Ordering::SeqCst);
        let record =
            Stored::new(Version::from_u64(u64::from(round)), Grant { id: id(round), ..grant(1) });
        // The readers are running.
        thread::yield_now();
        assert!(table.open(&id(round), None));
        table.apply(&id(round), Some(&record)).expect("it is written");
        for _ in 0..LOOKS {
            thread::yield_now();
        }
        self.published.store(round, Ordering::SeqCst);
        table.publish(&id(round), Some(record));
        self.seen.fetch_max(round, Ordering::SeqCst);
    }
}

/// Returns a table with the engine that keeps it open.
fn table() -> (Engine, Arc<Table<Grant>>) {
    let db = sled::Config::new().temporary(true).open().expect("sled");
    let engine = Engine::new(db);
    let table = Table::new(engine.tree("grants").expect("a tree"), 1 << 20, &Damage::default());
    (engine, table)
}

#[test]
fn what_a_read_found_of_an_open_batch_is_neither_shown_nor_kept() {
    let (_engine, table) = table();
    let [old, new] = [1, 2].map(|version| Stored::new(Version::from_u64(version), grant(1)));
    let key = old.id;
    // A batch that inserts: the read sees its write before it is durable.
    assert!(table.open(&key, None));
    table.apply(&key, Some(&old)).expect("it is written");
    let early = table.begin(&key).expect("a read");
    assert!(table.finish(&key, early).is_none(), "shown before it is durable");
    let overtaken = table.begin(&key).expect("a read");
    table.publish(&key, Some(old.clone()));
    // A batch that replaces: the read sees the previous state.
    let late = table.begin(&key).expect("a read");
    assert!(table.open(&key, Some(old.clone())));
    table.apply(&key, Some(&new)).expect("it is written");
    assert_eq!(table.finish(&key, late).map(|found| found.version()), Some(old.version()));
    table.publish(&key, Some(new.clone()));
    // The read began while the first batch was open, and its state is two states old now.
    assert!(table.finish(&key, overtaken).is_some());
    assert_eq!(table.cached(&key).map(|found| found.version()), Some(new.version()));
    // A batch that deletes.
    let gone = table.begin(&key).expect("a read");
    assert!(table.open(&key, Some(new)));
    table.apply(&key, None).expect("it is written");
    table.publish(&key, None);
    table.finish(&key, gone);
    assert!(table.cached(&key).is_none(), "kept after it was deleted");
}

#[test]
fn a_record_is_seen_by_nobody_before_it_is_published_and_by_everybody_after_it_was_seen() {
    let (_engine, table) = table();
    let scene = Scene::default();
    scene.round.store(1, Ordering::SeqCst);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| scene.read(&table));
        }
        for round in 1..=rounds() {
            scene.write(&table, round);
            if scene.failed.load(Ordering::SeqCst) {
                break;
            }
        }
        scene.round.store(0, Ordering::SeqCst);
    });
    assert!(!scene.failed.load(Ordering::SeqCst), "after round {:?}", scene.seen);
}
