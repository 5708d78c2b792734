//! The one thread that writes: it drains the queue, decides every compare-and-swap, and makes a
//! whole batch durable with one flush and one fdatasync before it sends any answer.

use std::{
    fs::File,
    io,
    sync::{Arc, mpsc::Sender},
    thread,
};

use tokio::sync::mpsc;

use super::{
    batch::{Batch, Staged},
    cleaner::{self, Cleaner},
    command::Command,
    directory::{DataDirectory, SEGMENT_BYTES},
    engine::Engine,
    feed::Trim,
    floor::Floor,
    handle::{Failure, Handle, News, State},
    index::{ExpiryEntry, Indexed},
    meta::Meta,
    metrics::SledMetrics,
    space::Space,
    table::Table,
    tables::Tables,
    ticker::every_second,
    trees::{self, Trees},
    watchdog::Watchdog,
};
use crate::{
    domain::{
        signing_register::{ALONE, Announcer},
        time::Timestamp,
    },
    store::{MAX_RECORD_BYTES, ReadError, Sequence, Stored, Write, WriteError},
};

/// Maximum number of commands that wait while a batch is being synced. Further ones are refused as
/// `Busy`: at the sync speed of a slow disk this is a second of work.
const QUEUE: usize = 4096;
/// Maximum number of commands in a batch. With 300-byte records sled's log takes at most 3.4 KiB
/// for each, measured: a tenth of a segment in all.
pub(super) const MAX_BATCH: usize = 256;
/// Maximum number of bytes of records in a batch. A leaf of sled's tree holds some sixteen records
/// and can be rewritten for each of them, and the log of a batch must stay below a segment.
const MAX_BATCH_BYTES: usize = SEGMENT_BYTES / 2 / 16;

/// Maximum number of events that one command trims, and the bytes that each counts for in a batch.
/// A batch with a full trim takes no more commands.
const MAX_TRIM: usize = 256;
const TRIM_BYTES: usize = MAX_BATCH_BYTES / MAX_TRIM;

/// Bytes of log, including a batch's own, above which the batch does no more cleaning, and the
/// limit for one round of cleaning. Together with the half of a segment for a batch this leaves a
/// quarter to spare.
const MAX_CLEANING_BYTES: usize = SEGMENT_BYTES / 4;

/// The tables, trees and file. Only the committer writes to them.
pub(super) struct Committer {
    pub(super) tables: Tables,
    pub(super) trees: Trees,
    pub(super) cleaner: Cleaner,
    pub(super) meta: Arc<Meta>,
    /// sled's data file. The committer syncs it, because sled's own flush does not reach the disk.
    pub(super) file: File,
    pub(super) engine: Engine,
    pub(super) directory: DataDirectory,
    pub(super) floor: Arc<Floor>,
    pub(super) space: Arc<Space>,
    #[expect(dead_code, reason = "held as long as anybody writes: dropping it ends the watch")]
    pub(super) watch: Sender<()>,
    pub(super) head: Sequence,
    pub(super) metrics: Arc<SledMetrics>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(self) -> io::Result<Handle> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let news = News::new(self.head);
        let (places, shown) = (Arc::clone(&news.places), news.shown.subscribe());
        let watchdog = Arc::new(Watchdog::new());
        let state = watchdog.state();
        let looking = every_second("watchdog", {
            let watchdog = Arc::clone(&watchdog);
            move || watchdog.look()
        })?;
        let mut committer = self;
        thread::Builder::new().name("committer".into()).spawn(move || {
            let _looking = looking;
            let end = committer.run(commands, &watchdog, &news);
            let Self { engine, directory, .. } = committer;
            if end.is_ok() {
                engine.close();
                directory.seal();
            }
            // The directory is unlocked before the end is reported, because the process may open it
            // again.
            drop(directory);
            watchdog.end(match end {
                Ok(()) => State::Closed,
                Err(error) => State::Failed(Failure(error.to_string().into())),
            });
        })?;
        Ok(Handle { queue, state, places, shown })
    }

    fn run(
        &mut self,
        mut commands: mpsc::Receiver<Command>,
        watchdog: &Watchdog,
        news: &News,
    ) -> sled::Result<()> {
        while let Some(first) = commands.blocking_recv() {
            let open = watchdog.watch(|| self.take(first, &mut commands, news))?;
            if !open || !watchdog.is_content() {
                break;
            }
        }
        watchdog.watch(|| self.sync())
    }

    /// Commits a command and the commands queued behind it. Returns `false` if one of them was the
    /// last.
    fn take(
        &mut self,
        first: Command,
        commands: &mut mpsc::Receiver<Command>,
        news: &News,
    ) -> sled::Result<bool> {
        self.space.look();
        let mut batch = Batch::new(self.head);
        let mut open = self.stage(first, &mut batch)?;
        while open && batch.len() < MAX_BATCH && batch.bytes < MAX_BATCH_BYTES {
            let Ok(command) = commands.try_recv() else {
                break;
            };
            open = self.stage(command, &mut batch)?;
        }
        self.commit(batch, news)?;
        Ok(open)
    }

    /// Adds one command to the batch. Returns `false` if it was the last one.
    fn stage(&mut self, command: Command, batch: &mut Batch) -> sled::Result<bool> {
        match command {
            Command::Grant(write, reply) => {
                let added = match write {
                    Write::Insert(_) => 1,
                    Write::Replace(..) => 0,
                    Write::Delete(..) => -1,
                };
                let staged = self.decide(&self.tables.grants, write, batch)?;
                if staged.is_ok() {
                    self.metrics.grants.add(added);
                }
                batch.grants.add(staged, reply);
            }
            Command::Client(write, reply) => {
                let staged = self.decide(&self.tables.clients, write, batch)?;
                batch.clients.add(staged, reply);
            }
            Command::User(write, reply) => {
                let staged = self.decide(&self.tables.users, write, batch)?;
                batch.users.add(staged, reply);
            }
            Command::Attempts(write, reply) => {
                let staged = self.decide(&self.tables.attempts, write, batch)?;
                batch.attempts.add(staged, reply);
            }
            Command::Assertion(write, reply) => {
                let staged = self.decide(&self.tables.assertions, write, batch)?;
                batch.assertions.add(staged, reply);
            }
            Command::Settle(_, _, reply) | Command::SetKey(_, _, reply)
                if self.space.refuses(false) =>
            {
                let _gone = reply.send(Err(WriteError::NoSpace));
            }
            Command::Trim(_, _, reply) if self.space.refuses(false) => {
                let _gone = reply.send(Err(WriteError::NoSpace));
            }
            Command::Settle(entries, postponed, reply) => {
                for entry in entries {
                    self.settle(entry, postponed, batch);
                }
                batch.done.push(reply);
            }
            Command::Trim(through, limit, reply) => {
                let limit = limit.min(MAX_TRIM);
                let trim = self.trees.feed.oldest(through.min(self.head), limit)?;
                let events = trim.as_ref().map_or(0, Trim::len);
                batch.trims.extend(trim);
                batch.bytes += events * TRIM_BYTES;
                batch.trimmed.push((reply, events));
            }
            Command::SetKey(id, named, reply) => {
                batch.keys.push((id, named));
                batch.done.push(reply);
            }
            Command::Signing(_, _, reply) if self.space.refuses(false) => {
                let _gone = reply.send(Err(WriteError::NoSpace));
            }
            Command::Signing(change, now, reply) => {
                let register = batch.signing.get_or_insert_with(|| self.meta.signing());
                let by = Announcer { instance: ALONE, beside_older: false, feed: self.meta.id() };
                batch.standings.push((reply, register.change(by, &change, now)));
            }
            Command::Close => return Ok(false),
        }
        Ok(true)
    }

    /// Decides one compare-and-swap against the published state. The second write to a key in one
    /// batch always conflicts: its sender cannot have read the result of the first.
    fn decide<R: Indexed>(
        &self,
        table: &Table<R>,
        write: Write<R>,
        batch: &mut Batch,
    ) -> sled::Result<Result<Staged<R>, WriteError>> {
        let key = write.key();
        if table.is_open(&key) {
            return Ok(Err(WriteError::Conflict));
        }
        let old = match table.read(&key) {
            Ok(old) => old,
            Err(error) => return Ok(Err(error.into())),
        };
        let (expected, new) = match write {
            Write::Insert(record) => (None, Some(record)),
            Write::Replace(version, record) => (Some(version), Some(record)),
            Write::Delete(version, _) => (Some(version), None),
        };
        if old.as_ref().map(Stored::version) != expected {
            return Ok(Err(WriteError::Conflict));
        }
        let bytes = new.as_ref().map_or(0, |record| record.encode().len());
        if bytes > MAX_RECORD_BYTES {
            return Ok(Err(WriteError::TooLarge));
        }
        batch.bytes += bytes;
        batch.longest = batch.longest.max(bytes);
        let change = R::change(old.as_deref(), new.as_ref());
        // Writes that end or free something are accepted at a lower mark than writes that grow the
        // store.
        let grows = old.is_none() || (new.is_some() && change.is_none());
        if self.space.refuses(grows) {
            return Ok(Err(WriteError::NoSpace));
        }
        let reindex = R::reindex(old.as_deref(), new.as_ref());
        if let Some(unique) = &reindex.unique
            && (batch.puts(&unique.key) || self.is_taken(&unique.key, &unique.value)?)
        {
            return Ok(Err(WriteError::Conflict));
        }
        table.open(&key, old.clone());
        batch.reindex(reindex);
        batch.changes.extend(change);
        Ok(Ok(Staged::new(key, new, self.meta.next_version())))
    }

    /// Returns `true` if a user other than `owner` has the name behind a unique entry. An entry
    /// whose user was deleted or renamed does not count.
    fn is_taken(&self, entry: &[u8], owner: &[u8]) -> sled::Result<bool> {
        let Some(id) = self.trees.index.get(entry)? else {
            return Ok(false);
        };
        if *id == *owner {
            return Ok(false);
        }
        Ok(trees::user_behind(entry, &id, &self.tables.users).is_some())
    }

    /// Moves an expiry entry to its grant's expiry, or to `postponed` if the grant cannot be read.
    /// Drops the entry if there is no grant.
    fn settle(&self, entry: ExpiryEntry, postponed: Timestamp, batch: &mut Batch) {
        // The next sweep settles a grant that is written in this batch.
        if self.tables.grants.is_open(&entry.grant_id) {
            return;
        }
        let time = match self.tables.grants.read(&entry.grant_id) {
            Ok(grant) => grant.map(|grant| grant.spent_time()),
            Err(ReadError::Corrupt) => Some(postponed),
            Err(ReadError::Unavailable) => return,
        };
        let moved = time.map(|time| ExpiryEntry { time, ..entry });
        if moved != Some(entry) {
            batch.move_expiry(entry, moved);
        }
    }

    /// Writes the batch in order: changes and new entries, then records, then the removal of
    /// unneeded entries, then the batch's number. A crash in between leaves an extra change or an
    /// extra entry.
    fn commit(&mut self, batch: Batch, news: &News) -> sled::Result<()> {
        // The timer stops when it is dropped, here or at an error.
        let _timer = self.metrics.commit.start_timer();
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        self.metrics.batch.observe(batch.len() as f64);
        for (sequence, change) in batch.sequenced_changes() {
            self.trees.feed.add(sequence, change)?;
        }
        for trim in &batch.trims {
            self.trees.feed.trim(trim)?;
        }
        for entry in &batch.entries {
            self.trees.index.insert(entry.key.as_slice(), entry.value.as_slice())?;
        }
        self.meta.note_record(batch.longest)?;
        for (id, named) in &batch.keys {
            self.meta.set_key(*id, *named)?;
        }
        if let Some(register) = &batch.signing {
            self.meta.set_signing(register)?;
        }
        batch.apply(&self.tables)?;
        for key in &batch.stale_entries {
            self.trees.index.remove(key)?;
        }
        if batch.writes() {
            self.clean(batch.len())?;
            let number = self.meta.count_batch()?;
            self.sync()?;
            self.floor.raise(number)?;
        }
        // The head moves before the first record of the batch is visible, and the events are shown
        // after the last record is. A barrier thus misses no state that a reader saw, and a reader
        // of an event finds its state.
        self.head = batch.head();
        news.move_head(self.head);
        let answers = batch.publish(&self.tables);
        news.show(self.head);
        answers.send();
        Ok(())
    }

    /// Cleans sled's file in proportion to its excess length, within the limit of the log between
    /// two syncs.
    fn clean(&mut self, commands: usize) -> sled::Result<()> {
        let grants = u64::try_from(self.metrics.grants.get()).unwrap_or(0);
        let mut pages = self.cleaner.pages_due(commands, self.file.metadata()?.len(), grants);
        if pages == 0 {
            return Ok(());
        }
        let at_once = cleaner::pages_within(MAX_CLEANING_BYTES, self.meta.longest_record());
        let mut log = 0;
        while pages > 0 && log < MAX_CLEANING_BYTES {
            let now = pages.min(at_once);
            self.cleaner.clean(now)?;
            pages -= now;
            if pages > 0 {
                // Only a flush returns the current length of the log.
                log += self.engine.flush()?;
            }
        }
        Ok(())
    }

    fn sync(&self) -> sled::Result<()> {
        self.engine.flush()?;
        let _timer = self.metrics.fsync.start_timer();
        self.file.sync_data()?;
        Ok(())
    }
}
