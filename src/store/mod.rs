//! The store's contract: what every engine promises, in prose, and nothing of how.
//!
//! # The contract
//!
//! * A record is read whole and replaced whole. There is no transaction over two records, and
//!   nothing above the store needs one.
//! * Each record has a [`Version`]. No two states of one key ever share a version, not even across
//!   a delete and a new insert.
//! * [`Write::Insert`] succeeds only where there is no record, [`Write::Replace`] and
//!   [`Write::Delete`] only where the record still has the expected version. Of several writers
//!   that expect the same version exactly one succeeds; the others get [`WriteError::Conflict`]
//!   and, when they read again, see a state at least as new as the one that beat them.
//! * What returned `Ok` is durable: it survives the end of the process and of the machine's power.
//! * Readers see durable states only. A write is visible to every read that starts after it was
//!   answered, `Conflict` included, and to none before it is durable. So an answer may rest on
//!   whatever was read.
//! * A page of records is in key order and names no key twice. Each record in it was its key's
//!   durable state at some moment of the read; a key that holds a record all the while is in it,
//!   a key that holds none all the while is not.
//! * A user's name is unique: a write that would give two users one name is a `Conflict`.
//! * Every write that matters to caches of answers adds one [`Change`] to a feed, which the record
//!   type itself decides ([`Record::change`]), so that no caller can forget it. The feed is
//!   durable with the record, in the order in which the records became visible, without gaps.
//! * A reader of the feed who goes on from the last event they were given sees each event once.
//!   An event is shown no earlier than the state it speaks of: whoever reads the record then finds
//!   that state or a newer one. It is shown before the write is answered.
//! * [`Store::head`] is never behind a state that a read has shown, and [`Store::position`] is never
//!   ahead of a state that a later read shows.
//! * The feed forgets events only from its oldest end and only when it is trimmed. A cursor at the
//!   last trimmed event is good, one before it is too old, one beyond the head is ahead: both are
//!   told as such, also after a restart, and trimming does not move the head.
//!
//! What fails is typed by what the caller may do next: see [`ReadError`] and [`WriteError`].

pub mod backup;
pub mod bulk;
mod cache;
mod condition;
#[cfg(test)]
pub(crate) mod conformance;
mod copy;
mod damage;
mod engine;
pub mod faulty;
mod feed;
pub mod memory;
pub mod new_file;
mod pages;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod queued;
mod record;
pub mod sled;
mod stored;

use std::{future::Future, time::Duration};

use thiserror::Error;

pub use self::{
    condition::Condition,
    copy::{Copied, CopyError, copy},
    engine::{Engine, EngineReadiness, EngineRecords, Kept},
    feed::{FeedError, Sequence},
    pages::Pages,
    record::Record,
    stored::{Stored, Version},
};
use crate::domain::{
    attempts::Attempts, change::Change, client::Client, client_id::ClientId, grant::Grant,
    grant_id::GrantId, key_ring::KeyId, record::Corrupt, subject::UserId, time::Timestamp,
    user::User, user_name::UserName,
};

/// Longest encoding of a record, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 << 10;

/// For how long the sweeper leaves a damaged grant alone: those behind it are not to wait for it.
const POSTPONED: Duration = Duration::from_secs(24 * 60 * 60);

/// One atomic intent.
#[derive(Clone, Debug)]
pub enum Write<R: Record> {
    /// Make the record, if there is none under its key.
    Insert(R),
    /// Put another state in the place of the one that has this version.
    Replace(Version, R),
    /// Remove the record, if it still has this version.
    Delete(Version, R::Key),
}

impl<R: Record> Write<R> {
    /// The key of the record that is written.
    pub fn key(&self) -> R::Key {
        match self {
            Self::Insert(record) | Self::Replace(_, record) => record.key(),
            Self::Delete(_, key) => key.clone(),
        }
    }
}

/// Why a read has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The engine cannot be reached or has stopped. Retry later; the answer is *not* "absent".
    #[error("the store cannot be read")]
    Unavailable,
    /// The record is there and cannot be decoded. Retrying does not help.
    #[error("a record is damaged")]
    Corrupt,
}

impl From<Corrupt> for ReadError {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// Why a write did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// Another state is there than the one expected. Nothing was written: read and decide again.
    #[error("the record has changed")]
    Conflict,
    /// A bounded queue is full. Nothing was written: retry after a moment.
    #[error("the store is busy")]
    Busy,
    /// There is too little space left for this write; one that ends or frees something may still
    /// succeed. Nothing was written: retry when there is space again.
    #[error("the store has too little space left")]
    NoSpace,
    /// The engine cannot be reached or has stopped. Nothing was written: retry later.
    #[error("the store cannot be written")]
    Unavailable,
    /// The write may or may not have happened, or may yet. Read again before deciding anew.
    #[error("the outcome of the write is unknown")]
    Unknown,
    /// The record is longer than [`MAX_RECORD_BYTES`]. Nothing was written.
    #[error("the record is too large")]
    TooLarge,
    /// The record in its place cannot be decoded. Nothing was written, retrying does not help.
    #[error("a record is damaged")]
    Corrupt,
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable => Self::Unavailable,
            ReadError::Corrupt => Self::Corrupt,
        }
    }
}

/// All records of one type.
pub trait Records<R: Record>: Send + Sync + 'static {
    /// The record, if it lies in memory: never waits. `None` says nothing about its existence. Where
    /// several processes share a store this may be an older state, though none from before a
    /// revocation that is older than the staleness that the engine allows.
    fn cached(&self, key: &R::Key) -> Option<Stored<R>>;

    /// The record's newest durable state, or `None` when there is none.
    fn get(
        &self,
        key: &R::Key,
    ) -> impl Future<Output = Result<Option<Stored<R>>, ReadError>> + Send;

    /// What [`Self::get`] answers for each of `keys`, in their order. A store at the end of a wire
    /// takes about as long for a hundred as for one.
    fn get_many(
        &self,
        keys: &[R::Key],
    ) -> impl Future<Output = Vec<Result<Option<Stored<R>>, ReadError>>> + Send;

    /// The records that come after `after` in key order, or the first ones: at most `limit`, and
    /// fewer only when there are no more. Damaged records are passed over and counted in
    /// [`Condition::damaged`]. May wait for the disk.
    fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Stored<R>>, ReadError>> + Send;

    /// Carries out one intent and returns, once it is durable, the record's new version. A write
    /// whose future is dropped may still happen: before that is so, [`queued::note`] is called.
    fn write(&self, write: Write<R>) -> impl Future<Output = Result<Version, WriteError>> + Send;
}

/// Whose grants are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantOwner {
    /// Those issued for a user.
    User(UserId),
    /// Those issued to a client.
    Client(ClientId),
}

/// 128 random bits, drawn when the store was made: cursors of another store are told apart by it.
pub type StoreId = [u8; 16];

/// A store engine. See the module for what it promises.
pub trait Store: Send + Sync + 'static {
    /// The grants.
    type Grants: Records<Grant>;
    /// The clients.
    type Clients: Records<Client>;
    /// The users.
    type Users: Records<User>;
    /// The failed logins.
    type Attempts: Records<Attempts>;

    /// What the engine is called, for people.
    fn engine(&self) -> &'static str;

    /// The grants.
    fn grants(&self) -> &Self::Grants;

    /// The clients.
    fn clients(&self) -> &Self::Clients;

    /// The users.
    fn users(&self) -> &Self::Users;

    /// The failed logins.
    fn attempts(&self) -> &Self::Attempts;

    /// The user of that name.
    fn user_by_name(
        &self,
        name: &UserName,
    ) -> impl Future<Output = Result<Option<Stored<User>>, ReadError>> + Send;

    /// The ids of grants issued for a user or to a client, in order of id, which is mostly that of
    /// their age: at most `limit` that come after `after`. A grant that is freed while this is read
    /// may still be named, one that is issued meanwhile may be missing.
    fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GrantId>, ReadError>> + Send;

    /// The same from the other end, the newest mostly first: at most `limit` that come before
    /// `before`. Grants that a write has ended may be left out.
    fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GrantId>, ReadError>> + Send;

    /// Grants of which nothing can be used any more at `now`: at most `limit`, the longest
    /// expired first, with the version to delete each by. A damaged one is passed over, counted, and
    /// not looked at again for a day.
    fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Stored<Grant>>, ReadError>> + Send;

    /// About how many grants [`Self::spent_grants`] would find, counted up to `limit`. Grants that
    /// were refreshed since they were last looked at may count too.
    fn count_spent(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<usize, ReadError>> + Send;

    /// The last change that is durable: whoever has seen the feed up to it is as fresh as now.
    fn head(&self) -> impl Future<Output = Result<Sequence, ReadError>> + Send;

    /// How far into the feed whatever is read reflects it: a read that begins after this call shows,
    /// from memory or not, no state from before that event or an earlier one. Never waits, and may be
    /// behind the head: where several processes share a store, by the staleness that the engine allows.
    fn position(&self) -> Sequence;

    /// The events after `after`, in order and without gaps: at most `limit`, none when there is no
    /// news. May wait for the disk.
    fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Sequence, Change)>, FeedError>> + Send;

    /// Waits until [`Self::changes`] has an event after `after`; for ever, if none comes.
    ///
    /// # Errors
    /// `Unavailable` when no event can come any more.
    fn changed(&self, after: Sequence) -> impl Future<Output = Result<(), ReadError>> + Send;

    /// Forgets the oldest events up to and including `through`, at most `limit` of them and no
    /// more than an engine does in one go, and says how many. None when there is nothing to forget.
    fn trim_changes(
        &self,
        through: Sequence,
        limit: usize,
    ) -> impl Future<Output = Result<usize, WriteError>> + Send;

    /// How it is at the moment, as far as is known without a write.
    fn condition(&self) -> Condition;

    /// Whether other processes may write to it meanwhile.
    fn is_shared(&self) -> bool {
        false
    }

    /// The store's own id.
    fn id(&self) -> StoreId;

    /// Every server key that a record of this store may name, as of now: another process that
    /// shares the store may have noted one a moment ago.
    fn key_ids(&self) -> impl Future<Output = Result<Vec<KeyId>, ReadError>> + Send;

    /// Notes, durably, that records may name this key from now on. Idempotent. Whatever was queued
    /// before is visible once this is answered.
    fn add_key_id(&self, id: KeyId) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Notes, durably, that no record names this key. Idempotent. `Busy` while another process that
    /// shares the store makes records that do.
    fn remove_key_id(&self, id: KeyId) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Whether this process is to free what is spent: of those that share a store one does, save for
    /// a moment when it changes.
    fn may_sweep(&self) -> impl Future<Output = Result<bool, ReadError>> + Send {
        async { Ok(true) }
    }
}
