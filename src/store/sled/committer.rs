//! The one thread that writes: it drains the queue, decides every compare-and-swap, and makes a
//! whole batch durable with one flush and one fdatasync before anybody hears of it.

use std::{fs::File, io, sync::Arc, thread};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    batch::{Batch, Staged},
    directory::{DataDirectory, SEGMENT_BYTES},
    index::{ExpiryEntry, Indexed},
    meta::Meta,
    table::Table,
    trees::{self, Trees},
};
use crate::{
    domain::{client::Client, grant::Grant, key_ring::KeyId, user::User},
    store::{MAX_RECORD_BYTES, Sequence, Stored, Version, Write, WriteError},
};

/// Commands that wait while a batch is being synced. More are refused as `Busy`: at the speed of a
/// slow disk's sync this is a second's work.
const QUEUE: usize = 4096;
/// Commands in a batch. With 300-byte records sled's log takes at most 3.4 KiB for each, measured:
/// a tenth of a segment in all.
const MAX_BATCH: usize = 256;
/// Bytes of records in a batch. A leaf of sled's tree holds some sixteen records and may be written
/// anew for each of them, and the log of a batch must stay below a segment.
const MAX_BATCH_BYTES: usize = SEGMENT_BYTES / 2 / 16;

/// Where the outcome of a command goes.
pub(in crate::store) type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

/// What the committer is asked to do.
#[expect(clippy::large_enum_variant, reason = "moved once; a box would cost each write more")]
pub enum Command {
    Grant(Write<Grant>, Reply<Version>),
    Client(Write<Client>, Reply<Version>),
    User(Write<User>, Reply<Version>),
    /// Expiry entries that do not say what their grant says: move or drop them.
    Settle(Vec<ExpiryEntry>, Reply<()>),
    /// Note a server key that records may name from now on.
    AddKey(KeyId, Reply<()>),
    /// Commit what is queued, then stop.
    Close,
}

/// Why the committer stopped acknowledging for good.
#[derive(Clone, Debug, Error)]
#[error("the store stopped: {0}")]
pub struct Failure(Arc<str>);

/// Whether the committer works.
#[derive(Clone, Debug)]
pub(super) enum State {
    Committing,
    Closed,
    Failed(Failure),
}

/// The way to the committer, and news of it.
#[derive(Clone)]
pub(super) struct Handle {
    queue: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    head: watch::Receiver<Sequence>,
}

impl Handle {
    /// Queues one command and waits for its outcome.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, WriteError> {
        let (reply, outcome) = oneshot::channel();
        self.queue.try_send(command(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriteError::Unavailable,
        })?;
        // A reply that is dropped was in a batch whose sync failed, or the thread is gone.
        outcome.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// The last change that is durable.
    pub(super) fn head(&self) -> Sequence {
        *self.head.borrow()
    }

    /// Asks the committer to finish its queue and stop, and waits until it has.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        // A committer that is gone already says below how it went.
        drop(self.queue.send(Command::Close).await);
        self.stopped().await
    }

    /// Waits until the committer has stopped: in order, or because of a failure.
    pub(super) async fn stopped(&self) -> Result<(), Failure> {
        let mut state = self.state.clone();
        let stopped = state.wait_for(|state| !matches!(state, State::Committing)).await;
        match stopped.as_deref() {
            Ok(State::Failed(failure)) => Err(failure.clone()),
            Ok(State::Closed | State::Committing) => Ok(()),
            Err(_) => Err(Failure("the committer panicked".into())),
        }
    }
}

/// The tables, trees and file that only the committer writes.
pub(super) struct Committer {
    pub(super) grants: Arc<Table<Grant>>,
    pub(super) clients: Arc<Table<Client>>,
    pub(super) users: Arc<Table<User>>,
    pub(super) trees: Trees,
    pub(super) meta: Arc<Meta>,
    /// The file that sled keeps everything in: sled's own flush does not reach the disk.
    pub(super) file: File,
    #[expect(dead_code, reason = "held as long as anybody writes: dropping it unlocks it")]
    pub(super) directory: DataDirectory,
    pub(super) head: Sequence,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(self) -> io::Result<Handle> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (state_sender, state) = watch::channel(State::Committing);
        let (head_sender, head) = watch::channel(self.head);
        let mut committer = self;
        thread::Builder::new().name("committer".into()).spawn(move || {
            let end = committer.run(commands, &head_sender);
            // Whoever hears of the end may open the directory again.
            drop(committer);
            state_sender.send_replace(match end {
                Ok(()) => State::Closed,
                Err(error) => State::Failed(Failure(error.to_string().into())),
            });
        })?;
        Ok(Handle { queue, state, head })
    }

    fn run(
        &mut self,
        mut commands: mpsc::Receiver<Command>,
        head: &watch::Sender<Sequence>,
    ) -> sled::Result<()> {
        let mut open = true;
        while open {
            let Some(first) = commands.blocking_recv() else {
                break;
            };
            let mut batch = Batch::new(self.head);
            open = self.stage(first, &mut batch)?;
            while open && batch.len() < MAX_BATCH && batch.bytes < MAX_BATCH_BYTES {
                let Ok(command) = commands.try_recv() else {
                    break;
                };
                open = self.stage(command, &mut batch)?;
            }
            self.commit(batch, head)?;
        }
        self.sync()
    }

    /// Takes one command into the batch; `false` when it was the last one.
    fn stage(&mut self, command: Command, batch: &mut Batch) -> sled::Result<bool> {
        match command {
            Command::Grant(write, reply) => {
                let staged = self.decide(&self.grants, write, batch)?;
                batch.grants.add(staged, reply);
            }
            Command::Client(write, reply) => {
                let staged = self.decide(&self.clients, write, batch)?;
                batch.clients.add(staged, reply);
            }
            Command::User(write, reply) => {
                let staged = self.decide(&self.users, write, batch)?;
                batch.users.add(staged, reply);
            }
            Command::Settle(entries, reply) => {
                for entry in entries {
                    self.settle(entry, batch);
                }
                batch.done.push(reply);
            }
            Command::AddKey(id, reply) => {
                batch.keys.push(id);
                batch.done.push(reply);
            }
            Command::Close => return Ok(false),
        }
        Ok(true)
    }

    /// Decides one compare-and-swap against the published state. The second write to a key in one
    /// batch always conflicts: whoever sent it cannot have read what the first one makes.
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
        let reindex = R::reindex(old.as_deref(), new.as_ref());
        if let Some(unique) = &reindex.unique
            && (batch.puts(&unique.key) || self.is_taken(&unique.key, &unique.value)?)
        {
            return Ok(Err(WriteError::Conflict));
        }
        table.open(key.clone(), old.clone());
        batch.reindex(reindex);
        batch.changes.extend(R::change(old.as_deref(), new.as_ref()));
        Ok(Ok(Staged::new(key, new, self.meta.next_version())))
    }

    /// Whether a user other than `owner` bears the name behind a unique entry. An entry whose user
    /// is gone or renamed does not count.
    fn is_taken(&self, entry: &[u8], owner: &[u8]) -> sled::Result<bool> {
        let Some(id) = self.trees.index.get(entry)? else {
            return Ok(false);
        };
        if *id == *owner {
            return Ok(false);
        }
        Ok(trees::user_behind(entry, &id, &self.users).is_some())
    }

    /// Puts an expiry entry where its grant says, or drops it when there is no grant.
    fn settle(&self, entry: ExpiryEntry, batch: &mut Batch) {
        // A grant in this very batch settles with the next sweep.
        if self.grants.is_open(&entry.grant_id) {
            return;
        }
        let Ok(grant) = self.grants.read(&entry.grant_id) else {
            return;
        };
        let moved = grant.map(|grant| ExpiryEntry { time: grant.spent_time(), ..entry });
        if moved != Some(entry) {
            batch.move_expiry(entry, moved);
        }
    }

    /// Order within the batch: changes and new entries, then records, then entries that no record
    /// needs any more. A crash in between leaves a change too many or an entry too many.
    fn commit(&mut self, batch: Batch, head: &watch::Sender<Sequence>) -> sled::Result<()> {
        for (sequence, change) in batch.sequenced_changes() {
            self.trees.add_change(sequence, change)?;
        }
        for entry in &batch.entries {
            self.trees.index.insert(entry.key.as_slice(), entry.value.as_slice())?;
        }
        for id in &batch.keys {
            self.meta.add_key(*id)?;
        }
        batch.grants.apply(&self.grants)?;
        batch.clients.apply(&self.clients)?;
        batch.users.apply(&self.users)?;
        for key in &batch.stale_entries {
            self.trees.index.remove(key)?;
        }
        if batch.writes() {
            self.sync()?;
        }
        self.head = batch.head();
        head.send_if_modified(|published| {
            let moved = *published != self.head;
            *published = self.head;
            moved
        });
        batch.publish(&self.grants, &self.clients, &self.users);
        Ok(())
    }

    fn sync(&self) -> sled::Result<()> {
        self.trees.flush()?;
        self.file.sync_data()?;
        Ok(())
    }
}
