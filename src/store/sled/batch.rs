//! A batch: the writes that one flush and one fdatasync make durable together.

use super::{
    command::Reply,
    feed::Trim,
    index::{Entry, ExpiryEntry, Indexed, Reindex},
    table::Table,
    tables::Tables,
};
use crate::{
    domain::{
        attempts::Attempts,
        change::Change,
        client::Client,
        grant::Grant,
        key_ring::KeyId,
        signing_register::{SigningRegister, SigningStanding},
        used_assertion::UsedAssertion,
        user::User,
    },
    store::{Sequence, Stored, Version, WriteError},
};

/// An accepted write: the key, its new state, the version for the answer.
pub(super) struct Staged<R: Indexed> {
    key: R::Key,
    new: Option<Stored<R>>,
    version: Version,
}

impl<R: Indexed> Staged<R> {
    pub(super) fn new(key: R::Key, new: Option<R>, version: Version) -> Self {
        Self { key, new: new.map(|record| Stored::new(version, record)), version }
    }
}

/// The writes of one type with their waiting callers. A refused caller waits too: after a lost race
/// its next read must find the winner's state.
pub(super) struct Writes<R: Indexed> {
    staged: Vec<(Staged<R>, Reply<Version>)>,
    refused: Vec<(WriteError, Reply<Version>)>,
}

impl<R: Indexed> Writes<R> {
    const fn new() -> Self {
        Self { staged: Vec::new(), refused: Vec::new() }
    }

    pub(super) fn add(&mut self, decision: Result<Staged<R>, WriteError>, reply: Reply<Version>) {
        match decision {
            Ok(staged) => self.staged.push((staged, reply)),
            Err(error) => self.refused.push((error, reply)),
        }
    }

    fn len(&self) -> usize {
        self.staged.len() + self.refused.len()
    }

    fn apply(&self, table: &Table<R>) -> sled::Result<()> {
        self.staged.iter().try_for_each(|(write, _)| table.apply(&write.key, write.new.as_ref()))
    }

    /// Makes all writes visible before the first answer leaves.
    fn publish(self, table: &Table<R>) -> impl Iterator<Item = (Reply<Version>, Outcome)> {
        let mut answers = Vec::with_capacity(self.len());
        for (write, reply) in self.staged {
            table.publish(&write.key, write.new);
            answers.push((reply, Ok(write.version)));
        }
        answers.extend(self.refused.into_iter().map(|(error, reply)| (reply, Err(error))));
        answers.into_iter()
    }
}

type Outcome = Result<Version, WriteError>;

/// A batch between its first command and its sync.
pub(super) struct Batch {
    pub(super) grants: Writes<Grant>,
    pub(super) clients: Writes<Client>,
    pub(super) users: Writes<User>,
    pub(super) attempts: Writes<Attempts>,
    pub(super) assertions: Writes<UsedAssertion>,
    pub(super) changes: Vec<Change>,
    pub(super) entries: Vec<Entry>,
    pub(super) stale_entries: Vec<Vec<u8>>,
    pub(super) trims: Vec<Trim>,
    pub(super) trimmed: Vec<(Reply<usize>, usize)>,
    /// Server keys, each with `true` if records may name it from now on and `false` if no record
    /// names it any more.
    pub(super) keys: Vec<(KeyId, bool)>,
    /// The register of signing keys after the batch, if it changes it.
    pub(super) signing: Option<SigningRegister>,
    pub(super) standings: Vec<(Reply<SigningStanding>, SigningStanding)>,
    pub(super) done: Vec<Reply<()>>,
    /// Total length of the encoded records, in bytes.
    pub(super) bytes: usize,
    /// Length of the longest record, in bytes.
    pub(super) longest: usize,
    /// The last change before this batch.
    since: Sequence,
}

impl Batch {
    pub(super) const fn new(since: Sequence) -> Self {
        Self {
            grants: Writes::new(),
            clients: Writes::new(),
            users: Writes::new(),
            attempts: Writes::new(),
            assertions: Writes::new(),
            changes: Vec::new(),
            entries: Vec::new(),
            stale_entries: Vec::new(),
            trims: Vec::new(),
            trimmed: Vec::new(),
            keys: Vec::new(),
            signing: None,
            standings: Vec::new(),
            done: Vec::new(),
            bytes: 0,
            longest: 0,
            since,
        }
    }

    /// Returns the number of commands in the batch.
    pub(super) fn len(&self) -> usize {
        let records = self.grants.len() + self.clients.len() + self.users.len();
        let records = records + self.attempts.len() + self.assertions.len();
        records + self.trimmed.len() + self.standings.len() + self.done.len()
    }

    /// Returns `true` if there is anything to sync.
    pub(super) fn writes(&self) -> bool {
        let records = self.grants.staged.len()
            + self.clients.staged.len()
            + self.users.staged.len()
            + self.attempts.staged.len()
            + self.assertions.staged.len();
        let entries = self.entries.len() + self.stale_entries.len();
        records + entries + self.trims.len() + self.keys.len() + self.standings.len() > 0
    }

    pub(super) fn reindex(&mut self, reindex: Reindex) {
        self.entries.extend(reindex.put);
        self.stale_entries.extend(reindex.remove);
    }

    pub(super) fn move_expiry(&mut self, from: ExpiryEntry, to: Option<ExpiryEntry>) {
        let entry = to.map(|to| Entry { key: to.to_key(), value: Vec::new() });
        self.entries.extend(entry);
        self.stale_entries.push(from.to_key());
    }

    /// Returns `true` if the batch writes the index entry `key`.
    pub(super) fn puts(&self, key: &[u8]) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Returns the changes with their positions in the feed.
    pub(super) fn sequenced_changes(&self) -> impl Iterator<Item = (Sequence, &Change)> {
        (self.since.0 + 1..).map(Sequence).zip(&self.changes)
    }

    /// Returns the position of the last change once this batch is published.
    pub(super) fn head(&self) -> Sequence {
        Sequence(self.since.0 + self.changes.len() as u64)
    }

    /// Writes the records, not yet visible to readers.
    pub(super) fn apply(&self, tables: &Tables) -> sled::Result<()> {
        self.grants.apply(&tables.grants)?;
        self.clients.apply(&tables.clients)?;
        self.users.apply(&tables.users)?;
        self.attempts.apply(&tables.attempts)?;
        self.assertions.apply(&tables.assertions)
    }

    /// Makes all writes visible. No caller is answered yet.
    pub(super) fn publish(self, tables: &Tables) -> Answers {
        let grants = self.grants.publish(&tables.grants);
        let clients = self.clients.publish(&tables.clients);
        let users = self.users.publish(&tables.users);
        let attempts = self.attempts.publish(&tables.attempts);
        let assertions = self.assertions.publish(&tables.assertions);
        let records = grants.chain(clients).chain(users);
        Answers {
            written: records.chain(attempts).chain(assertions).collect(),
            trimmed: self.trimmed,
            standings: self.standings,
            done: self.done,
        }
    }
}

/// The answers for the callers of a published batch.
#[must_use]
pub(super) struct Answers {
    written: Vec<(Reply<Version>, Outcome)>,
    trimmed: Vec<(Reply<usize>, usize)>,
    standings: Vec<(Reply<SigningStanding>, SigningStanding)>,
    done: Vec<Reply<()>>,
}

impl Answers {
    /// Answers all callers. Some may have stopped waiting.
    pub(super) fn send(self) {
        for (reply, outcome) in self.written {
            let _gone = reply.send(outcome);
        }
        for (reply, count) in self.trimmed {
            let _gone = reply.send(Ok(count));
        }
        for (reply, standing) in self.standings {
            let _gone = reply.send(Ok(standing));
        }
        for reply in self.done {
            let _gone = reply.send(Ok(()));
        }
    }
}
