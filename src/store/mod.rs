//! The store's contract: the promises of every engine, in prose, without their implementation.
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
//! * A write that returned `Ok` is durable: it survives the end of the process and of the machine's
//!   power.
//! * Readers see durable states only. A write is visible to every read that starts after the write
//!   was answered, even with `Conflict`, and to no read before the write is durable. So an answer
//!   can rest on every state that was read.
//! * A page of records is in key order and names no key twice. Each record in it was its key's
//!   durable state at some moment of the read; a key that holds a record all the while is in it,
//!   a key that holds none all the while is not.
//! * A user's name is unique: a write that would give two users one name is a `Conflict`.
//! * Every write that matters to caches of answers adds one [`Change`] to a feed, which the record
//!   type itself decides ([`Record::change`]), so that no caller can forget it. The feed is
//!   durable with the record, in the order in which the records became visible, without gaps.
//! * A reader of the feed that goes on from the last event it received sees each event once. An
//!   event is shown no earlier than the state that it describes: a reader of the record then finds
//!   that state or a newer one. The event is shown before the write is answered.
//! * [`Store::head`] is never behind a state that a read has shown, and [`Store::position`] is
//!   never ahead of a state that a later read shows.
//! * The feed forgets events only from its oldest end and only when it is trimmed. A cursor at the
//!   last trimmed event is good, one before it is too old, one beyond the head is ahead. The errors
//!   stay distinct after a restart, and trimming does not move the head.
//!
//! * [`Records::remembered`] and [`Records::presumed`] return a state that the record has or has had.
//!   [`Records::replace_if`] proves a decision on such states: `Ok` says that the replaced state and
//!   each premise was its record's newest durable state at some moment after the caller had it.
//!
//! Errors are typed by the caller's next step: see [`ReadError`] and [`WriteError`].

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
mod premise;
pub mod queued;
pub mod race;
mod record;
mod signing_keys;
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
    premise::Premise,
    record::Record,
    signing_keys::SigningKeys,
    stored::{Stored, Version},
};
use crate::domain::{
    attempts::Attempts, change::Change, client::Client, client_id::ClientId, grant::Grant,
    grant_id::GrantId, key_ring::KeyId, record::Corrupt, subject::UserId, time::Timestamp,
    used_assertion::UsedAssertion, user::User, user_identity::UserIdentity, user_name::UserName,
};

/// Maximum length of an encoded record, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 << 10;

/// Time for which the sweeper skips a damaged grant, so that the grants behind it need not wait.
const POSTPONED: Duration = Duration::from_secs(24 * 60 * 60);

/// One atomic change of a record.
#[derive(Clone, Debug)]
pub enum Write<R: Record> {
    /// Inserts the record if there is none under its key.
    Insert(R),
    /// Replaces the state of this version with another state.
    Replace(Version, R),
    /// Deletes the record if it still has this version.
    Delete(Version, R::Key),
}

impl<R: Record> Write<R> {
    /// Returns the key of the record that is written.
    pub fn key(&self) -> R::Key {
        match self {
            Self::Insert(record) | Self::Replace(_, record) => record.key(),
            Self::Delete(_, key) => key.clone(),
        }
    }
}

/// The reason for a failed read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The engine cannot be reached or has stopped. Retry later; the answer is *not* "absent".
    #[error("the store cannot be read")]
    Unavailable,
    /// The record exists and cannot be decoded. Retrying does not help.
    #[error("a record is damaged")]
    Corrupt,
}

impl From<Corrupt> for ReadError {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// The reason for a failed write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The record's state is not the expected one. Nothing was written: read and decide again.
    #[error("the record has changed")]
    Conflict,
    /// A bounded queue is full. Nothing was written: retry after a moment.
    #[error("the store is busy")]
    Busy,
    /// Too little space is left for this write. A write that ends or frees something can still
    /// succeed. Nothing was written: retry when there is space again.
    #[error("the store has too little space left")]
    NoSpace,
    /// The engine cannot be reached or has stopped. Nothing was written: retry later.
    #[error("the store cannot be written")]
    Unavailable,
    /// The write may have happened, or may still happen. Read the record before the next decision.
    #[error("the outcome of the write is unknown")]
    Unknown,
    /// The encoded record is longer than [`MAX_RECORD_BYTES`]. Nothing was written.
    #[error("the record is too large")]
    TooLarge,
    /// The stored record cannot be decoded. Nothing was written, and retrying does not help.
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
    /// Returns the record if it is in memory. Never waits. `None` does not mean that the record is
    /// absent. If several processes share the store, the state can be old, but no older than a
    /// revocation that lies further back than the engine's allowed staleness.
    fn cached(&self, key: &R::Key) -> Option<Stored<R>>;

    /// Returns the record's newest durable state, or `None` if there is no record.
    fn get(
        &self,
        key: &R::Key,
    ) -> impl Future<Output = Result<Option<Stored<R>>, ReadError>> + Send;

    /// Returns the result of [`Self::get`], read from the engine also where the record is in memory: the
    /// time does not show if there is such a record.
    fn get_stored(
        &self,
        key: &R::Key,
    ) -> impl Future<Output = Result<Option<Stored<R>>, ReadError>> + Send;

    /// Returns the result of [`Self::get`] for each of `keys`, in their order. A store across a
    /// network takes about as long for a hundred keys as for one.
    fn get_many(
        &self,
        keys: &[R::Key],
    ) -> impl Future<Output = Vec<Result<Option<Stored<R>>, ReadError>>> + Send;

    /// Returns the first records after `after` in key order, or the first of all: at most `limit`,
    /// and fewer only if there are no more. Damaged records are skipped and counted in
    /// [`Condition::damaged`]. Can wait for the disk.
    fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Stored<R>>, ReadError>> + Send;

    /// Carries out one write and returns the record's new version once the write is durable. A
    /// write whose future is dropped can still happen. The engine calls [`queued::note`] before
    /// that point.
    fn write(&self, write: Write<R>) -> impl Future<Output = Result<Version, WriteError>> + Send;

    /// Returns a state of the record that is in memory, of any age: the newest one or one before it,
    /// possibly of a record that is deleted. Never waits. Good only for what [`Self::replace_if`]
    /// proves. A store of one process has no use for it and returns `None`.
    fn remembered(&self, _key: &R::Key) -> Option<Stored<R>> {
        None
    }

    /// Returns the record as one read shows it, without the proof that [`Self::get`] waits for. Good
    /// only for what [`Self::replace_if`] proves.
    fn presumed(
        &self,
        key: &R::Key,
    ) -> impl Future<Output = Result<Option<Stored<R>>, ReadError>> + Send {
        self.get(key)
    }

    /// Replaces the state of the version `expected` as [`Self::write`] does. `Ok` also proves the
    /// `premises`. `Conflict` if that state or one of the premises is outdated: read all of them again
    /// by [`Self::get`]. The default is for stores whose reads show the newest state anyway.
    fn replace_if(
        &self,
        expected: Version,
        record: R,
        _premises: &[Premise],
    ) -> impl Future<Output = Result<Version, WriteError>> + Send {
        self.write(Write::Replace(expected, record))
    }
}

/// The owner of a list of grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantOwner {
    /// The user that the grants were issued for.
    User(UserId),
    /// The client that the grants were issued to.
    Client(ClientId),
}

/// 128 random bits, drawn when the store was created. They distinguish the cursors of different
/// stores.
pub type StoreId = [u8; 16];

/// A store engine. The module states its promises.
pub trait Store: SigningKeys {
    /// The grants.
    type Grants: Records<Grant>;
    /// The clients.
    type Clients: Records<Client>;
    /// The users.
    type Users: Records<User>;
    /// The failed logins.
    type Attempts: Records<Attempts>;
    /// The used assertions.
    type Assertions: Records<UsedAssertion>;

    /// Returns the engine's name for messages.
    fn engine(&self) -> &'static str;

    /// The grants.
    fn grants(&self) -> &Self::Grants;

    /// The clients.
    fn clients(&self) -> &Self::Clients;

    /// The users.
    fn users(&self) -> &Self::Users;

    /// The failed logins.
    fn attempts(&self) -> &Self::Attempts;

    /// The used assertions.
    fn assertions(&self) -> &Self::Assertions;

    /// Returns the user with that name.
    fn user_by_name(
        &self,
        name: &UserName,
    ) -> impl Future<Output = Result<Option<Stored<User>>, ReadError>> + Send;

    /// Returns the users that list that identity, at most two: one identity should be one user's, and the
    /// caller refuses it if it is not.
    fn users_by_identity(
        &self,
        identity: &UserIdentity,
    ) -> impl Future<Output = Result<Vec<Stored<User>>, ReadError>> + Send;

    /// Returns the ids of the grants of a user or client, in order of id, which is mostly order of
    /// age: at most `limit` ids after `after`. A grant that is deleted meanwhile can still be
    /// listed, and one that is issued meanwhile can be missing.
    fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GrantId>, ReadError>> + Send;

    /// Returns ids from the other end, mostly the newest first: at most `limit` ids before
    /// `before`. Ended grants can be left out.
    fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GrantId>, ReadError>> + Send;

    /// Returns the grants that are of no use any more at `now`: at most `limit`, the longest
    /// expired first, each with the version to delete it by. A damaged grant is skipped, counted,
    /// and not looked at again for a day.
    fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Stored<Grant>>, ReadError>> + Send;

    /// Returns the approximate number of grants that [`Self::spent_grants`] would find, counted up
    /// to `limit`. Grants refreshed since they were last looked at can count too.
    fn count_spent(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<usize, ReadError>> + Send;

    /// Returns the position of the last durable change. A reader that has seen the feed up to it is
    /// up to date.
    fn head(&self) -> impl Future<Output = Result<Sequence, ReadError>> + Send;

    /// Returns the position that all later reads reflect: a read that begins after this call, from
    /// memory or not, shows no state older than the event at this position. Never waits. Can be
    /// behind the head: if several processes share the store, by the engine's allowed staleness.
    fn position(&self) -> Sequence;

    /// Returns the events after `after`, in order and without gaps: at most `limit`, none if there
    /// are no new events. Can wait for the disk.
    fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Sequence, Change)>, FeedError>> + Send;

    /// Waits until [`Self::changes`] has an event after `after`, without a time limit.
    ///
    /// # Errors
    /// Returns `Unavailable` if no event can come any more.
    fn changed(&self, after: Sequence) -> impl Future<Output = Result<(), ReadError>> + Send;

    /// Trims the oldest events up to and including `through` and returns their number: at most
    /// `limit`, at most one round of the engine, 0 if there is nothing to trim.
    fn trim_changes(
        &self,
        through: Sequence,
        limit: usize,
    ) -> impl Future<Output = Result<usize, WriteError>> + Send;

    /// Returns the store's current state, as far as it is known without a write.
    fn condition(&self) -> Condition;

    /// Returns `true` if other processes can write to the store meanwhile.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns the store's own id.
    fn id(&self) -> StoreId;

    /// Returns all server keys that a record of this store may name at this moment. Another process
    /// that shares the store can have noted a key a moment ago.
    fn key_ids(&self) -> impl Future<Output = Result<Vec<KeyId>, ReadError>> + Send;

    /// Notes durably that records may name this key from now on. Idempotent. Writes that were
    /// queued before are visible once this is answered.
    fn add_key_id(&self, id: KeyId) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Notes durably that no record names this key. Idempotent. Returns `Busy` while another
    /// process that shares the store writes records that name it.
    fn remove_key_id(&self, id: KeyId) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Returns `true` if this process deletes spent grants. Of the processes that share a store one
    /// does, except for a moment at a change of that process.
    fn may_sweep(&self) -> impl Future<Output = Result<bool, ReadError>> + Send {
        async { Ok(true) }
    }
}
