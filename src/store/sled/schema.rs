//! The version of the layout of trees and keys, with the migrations from older layouts.

use sled::Db;

use super::{OpenError, engine::Engine, tree::Tree};

/// Layout of the first release.
const FIRST: u8 = 1;

const SCHEMA_KEY: &[u8] = b"schema";

/// A migration from one layout to the next. An interrupted migration runs again from the start, so
/// a second run must do no harm.
type Step = fn(&Db) -> Result<(), OpenError>;

/// Migrations in order: the first turns layout 1 into 2. The layout's number changes when an older
/// release could no longer read the store.
const STEPS: &[Step] = &[
    // Nothing moves. Records have forms that the first release cannot read, and it would serve the rest.
    |_| Ok(()),
];

/// Returns the layout of the store, or `None` if nothing was ever written to it.
pub(super) fn read(meta: &Tree) -> Result<Option<u8>, OpenError> {
    match meta.get(SCHEMA_KEY)?.as_deref() {
        None => Ok(None),
        Some([schema]) if *schema >= FIRST => Ok(Some(*schema)),
        Some(_) => Err(OpenError::damaged("its schema version is unreadable")),
    }
}

/// Notes today's layout in a new store. Durable only after the next sync.
pub(super) fn write_newest(meta: &Tree) -> sled::Result<()> {
    write(meta, newest(STEPS))
}

/// Refuses a layout that this release does not know.
///
/// # Errors
/// Returns [`OpenError::Schema`] if a newer release wrote the store.
pub(super) fn refuse_newer(found: u8) -> Result<(), OpenError> {
    let known = newest(STEPS);
    if found > known { Err(OpenError::Schema { found, known }) } else { Ok(()) }
}

/// Migrates the store to today's layout. `sync` makes the writes durable.
///
/// # Errors
/// Returns [`OpenError::Schema`] if a newer release wrote the store.
pub(super) fn migrate(
    engine: &Engine,
    meta: &Tree,
    found: u8,
    sync: impl Fn() -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    migrate_by(STEPS, engine, meta, found, sync)
}

fn migrate_by(
    steps: &[Step],
    engine: &Engine,
    meta: &Tree,
    found: u8,
    sync: impl Fn() -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    if found > newest(steps) {
        return Err(OpenError::Schema { found, known: newest(steps) });
    }
    for (step, next) in steps.iter().zip(FIRST + 1..).skip(usize::from(found - FIRST)) {
        step(&engine.db()?)?;
        // The migrated data is durable before its layout number is written.
        sync()?;
        write(meta, next)?;
        sync()?;
        tracing::info!(from = next - 1, to = next, "the store was migrated");
    }
    Ok(())
}

fn newest(steps: &[Step]) -> u8 {
    u8::try_from(steps.len()).map_or(u8::MAX, |steps| FIRST.saturating_add(steps))
}

fn write(meta: &Tree, schema: u8) -> sled::Result<()> {
    meta.insert(SCHEMA_KEY, &[schema]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn store() -> (Engine, Tree) {
        let db = sled::Config::new().temporary(true).open().expect("a store");
        let engine = Engine::new(db);
        let meta = engine.tree("meta").expect("a tree");
        (engine, meta)
    }

    /// Appends a letter to a text that does not end with it yet.
    fn append(db: &Db, letter: u8) -> Result<(), OpenError> {
        let mut text = db.get("text")?.map(|text| text.to_vec()).unwrap_or_default();
        if text.last() != Some(&letter) {
            text.push(letter);
        }
        db.insert("text", text)?;
        Ok(())
    }

    const THREE: &[Step] = &[|db| append(db, b'b'), |db| append(db, b'c'), |db| append(db, b'd')];

    fn text(engine: &Engine) -> String {
        let text =
            engine.db().expect("open").get("text").expect("a read").map(|text| text.to_vec());
        String::from_utf8(text.unwrap_or_default()).expect("letters")
    }

    #[test]
    fn an_older_store_takes_every_step_that_it_lacks_and_a_new_one_none() {
        for (found, expected) in [(1, "bcd"), (2, "cd"), (3, "d"), (4, "")] {
            let (engine, meta) = store();
            write(&meta, found).expect("a schema");
            migrate_by(THREE, &engine, &meta, found, || Ok(())).expect("it migrates");
            assert_eq!((text(&engine).as_str(), read(&meta).expect("a read")), (expected, Some(4)));
        }
    }

    #[test]
    fn a_migration_that_is_cut_off_at_any_sync_ends_as_if_it_never_had_been() {
        for cut in 0..6 {
            let (engine, meta) = store();
            write(&meta, 1).expect("a schema");
            let syncs = Cell::new(0);
            let failing = || {
                syncs.set(syncs.get() + 1);
                if syncs.get() > cut { Err(OpenError::damaged("the power goes")) } else { Ok(()) }
            };
            migrate_by(THREE, &engine, &meta, 1, failing).expect_err("it is cut off");
            let found = read(&meta).expect("a read").expect("a schema");
            migrate_by(THREE, &engine, &meta, found, || Ok(())).expect("it migrates");
            assert_eq!(text(&engine), "bcd", "cut off at sync {cut}");
            assert_eq!(read(&meta).expect("a read"), Some(4));
        }
    }

    #[test]
    fn what_a_step_writes_is_synced_before_the_schema_says_so() {
        let (engine, meta) = store();
        write(&meta, 1).expect("a schema");
        let seen = Cell::new(Vec::new());
        let sync = || {
            let mut at = seen.take();
            at.push((text(&engine), read(&meta)?.unwrap_or_default()));
            seen.set(at);
            Ok(())
        };
        migrate_by(&THREE[..1], &engine, &meta, 1, sync).expect("it migrates");
        assert_eq!(seen.take(), [("b".to_owned(), 1), ("b".to_owned(), 2)]);
    }

    #[test]
    fn a_store_of_a_newer_release_is_refused_and_left_alone() {
        let (engine, meta) = store();
        write(&meta, 5).expect("a schema");
        let refused = migrate_by(THREE, &engine, &meta, 5, || Ok(())).expect_err("a refusal");
        assert!(matches!(refused, OpenError::Schema { found: 5, known: 4 }), "{refused}");
        assert_eq!(read(&meta).expect("a read"), Some(5));
    }
}
