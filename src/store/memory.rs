//! The reference engine: plain maps behind one lock. Slow, obvious, gone with the process.

mod presumed;
mod signing;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    Condition, FeedError, GrantOwner, MAX_RECORD_BYTES, Premise, ReadError, Record, Records,
    Sequence, Store, StoreId, Stored, Version, Write, WriteError, queued,
};
use crate::domain::{
    attempts::Attempts, change::Change, client::Client, grant::Grant, grant_id::GrantId,
    key_ring::KeyId, signing_register::SigningRegister, time::Timestamp,
    used_assertion::UsedAssertion, user::User, user_identity::UserIdentity, user_name::UserName,
};

type Map<R> = BTreeMap<<R as Record>::Key, Stored<R>>;

/// States of records that were replaced or deleted.
#[derive(Default)]
struct Outdated {
    grants: Map<Grant>,
    clients: Map<Client>,
    users: Map<User>,
}

#[derive(Default)]
struct State {
    grants: Map<Grant>,
    clients: Map<Client>,
    users: Map<User>,
    attempts: Map<Attempts>,
    assertions: Map<UsedAssertion>,
    /// Remembered by a shared store.
    outdated: Outdated,
    changes: VecDeque<Change>,
    /// Number of events that were trimmed from `changes`.
    trimmed: u64,
    keys: BTreeSet<KeyId>,
    signing: SigningRegister,
    last_version: u64,
}

/// A store in memory: for tests of everything above the store, and as the reference for the other
/// engines.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    head: Arc<watch::Sender<Sequence>>,
    shared: bool,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty store that several services write to, like processes that share a database. It
    /// remembers of each record the state before the newest one: the worst that a process can remember.
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    fn write_if<R: Mapped>(
        &self,
        write: Write<R>,
        premises: &[Premise],
    ) -> Result<Version, WriteError> {
        queued::note();
        let mut state = self.lock();
        if !premises.iter().all(|premise| state.holds(premise)) {
            return Err(WriteError::Conflict);
        }
        let written = state.write(write);
        self.head.send_replace(state.head());
        written
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves whole records behind: each write is one insert.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A type of record with a map in the reference engine.
trait Mapped: Record {
    fn map(state: &mut State) -> &mut Map<Self>;

    /// Returns the replaced states, if a shared store remembers them.
    fn outdated(_state: &mut State) -> Option<&mut Map<Self>> {
        None
    }

    /// Returns `true` if the record would take a unique value that another record holds.
    fn collides(&self, _state: &State) -> bool {
        false
    }
}

impl Mapped for Grant {
    fn map(state: &mut State) -> &mut Map<Self> {
        &mut state.grants
    }

    fn outdated(state: &mut State) -> Option<&mut Map<Self>> {
        Some(&mut state.outdated.grants)
    }
}

impl Mapped for Client {
    fn map(state: &mut State) -> &mut Map<Self> {
        &mut state.clients
    }

    fn outdated(state: &mut State) -> Option<&mut Map<Self>> {
        Some(&mut state.outdated.clients)
    }
}

impl Mapped for User {
    fn map(state: &mut State) -> &mut Map<Self> {
        &mut state.users
    }

    fn outdated(state: &mut State) -> Option<&mut Map<Self>> {
        Some(&mut state.outdated.users)
    }

    fn collides(&self, state: &State) -> bool {
        state.users.values().any(|user| user.id != self.id && user.name == self.name)
    }
}

impl Mapped for Attempts {
    fn map(state: &mut State) -> &mut Map<Self> {
        &mut state.attempts
    }
}

impl Mapped for UsedAssertion {
    fn map(state: &mut State) -> &mut Map<Self> {
        &mut state.assertions
    }
}

impl State {
    fn head(&self) -> Sequence {
        Sequence(self.trimmed + self.changes.len() as u64)
    }

    fn write<R: Mapped>(&mut self, write: Write<R>) -> Result<Version, WriteError> {
        let key = write.key();
        let old = R::map(self).get(&key).cloned();
        let (expected, new) = match write {
            Write::Insert(record) => (None, Some(record)),
            Write::Replace(version, record) => (Some(version), Some(record)),
            Write::Delete(version, _) => (Some(version), None),
        };
        let collides = new.as_ref().is_some_and(|record| record.collides(self));
        if old.as_ref().map(Stored::version) != expected || collides {
            return Err(WriteError::Conflict);
        }
        if new.as_ref().is_some_and(|record| record.encode().len() > MAX_RECORD_BYTES) {
            return Err(WriteError::TooLarge);
        }
        self.last_version += 1;
        let version = Version::from_u64(self.last_version);
        self.changes.extend(R::change(old.as_deref(), new.as_ref()));
        if let Some((outdated, old)) = R::outdated(self).zip(old) {
            outdated.insert(key.clone(), old);
        }
        match new {
            Some(record) => R::map(self).insert(key, Stored::new(version, record)),
            None => R::map(self).remove(&key),
        };
        Ok(version)
    }
}

impl<R: Mapped> Records<R> for MemoryStore {
    fn cached(&self, key: &R::Key) -> Option<Stored<R>> {
        R::map(&mut self.lock()).get(key).cloned()
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        Ok(R::map(&mut self.lock()).get(key).cloned())
    }

    async fn get_stored(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.get(key).await
    }

    async fn get_many(&self, keys: &[R::Key]) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        let mut state = self.lock();
        let records = R::map(&mut state);
        keys.iter().map(|key| Ok(records.get(key).cloned())).collect()
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut state = self.lock();
        let records = R::map(&mut state).range((start, Bound::Unbounded));
        Ok(records.map(|(_, record)| record.clone()).take(limit).collect())
    }

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        self.write_if(write, &[])
    }

    fn remembered(&self, key: &R::Key) -> Option<Stored<R>> {
        let mut state = self.shared.then(|| self.lock())?;
        R::outdated(&mut state)?.get(key).cloned()
    }

    async fn replace_if(
        &self,
        expected: Version,
        record: R,
        premises: &[Premise],
    ) -> Result<Version, WriteError> {
        self.write_if(Write::Replace(expected, record), premises)
    }
}

impl Store for MemoryStore {
    type Grants = Self;
    type Clients = Self;
    type Users = Self;
    type Attempts = Self;
    type Assertions = Self;

    fn engine(&self) -> &'static str {
        "memory"
    }

    fn grants(&self) -> &Self {
        self
    }

    fn clients(&self) -> &Self {
        self
    }

    fn users(&self) -> &Self {
        self
    }

    fn attempts(&self) -> &Self {
        self
    }

    fn assertions(&self) -> &Self {
        self
    }

    async fn user_by_name(&self, name: &UserName) -> Result<Option<Stored<User>>, ReadError> {
        Ok(self.lock().users.values().find(|user| user.name == *name).cloned())
    }

    async fn users_by_identity(
        &self,
        identity: &UserIdentity,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        let lists = |user: &&Stored<User>| user.identities.contains(identity);
        Ok(self.lock().users.values().filter(lists).take(2).cloned().collect())
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let owned = |grant: &Grant| match of {
            GrantOwner::User(user) => grant.subject.user_id() == Some(*user),
            GrantOwner::Client(client) => grant.client_id == *client,
        };
        let state = self.lock();
        let listed = state.grants.values().filter(|grant| owned(grant)).map(|grant| grant.id);
        Ok(listed.filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect())
    }

    async fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let mut ids = self.grant_ids(of, None, usize::MAX).await?;
        ids.retain(|id| before.is_none_or(|before| *id < before));
        ids.reverse();
        ids.truncate(limit);
        Ok(ids)
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        let state = self.lock();
        let spent = state.grants.values().filter(|grant| grant.spent_time() <= now);
        let mut spent: Vec<Stored<Grant>> = spent.cloned().collect();
        spent.sort_by_key(|grant| grant.spent_time());
        spent.truncate(limit);
        Ok(spent)
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        let state = self.lock();
        Ok(state.grants.values().filter(|grant| grant.spent_time() <= now).take(limit).count())
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        Ok(self.lock().head())
    }

    fn position(&self) -> Sequence {
        self.lock().head()
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        let state = self.lock();
        if after > state.head() {
            return Err(FeedError::Ahead);
        }
        if after.0 < state.trimmed {
            return Err(FeedError::TooOld { oldest: Sequence(state.trimmed) });
        }
        let numbered = (state.trimmed + 1..).map(Sequence).zip(state.changes.iter().cloned());
        Ok(numbered.skip_while(|(sequence, _)| *sequence <= after).take(limit).collect())
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        let head = self.head.subscribe().wait_for(|head| *head > after).await.map(drop);
        head.map_err(|_| ReadError::Unavailable)
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        let mut state = self.lock();
        let before = state.trimmed;
        while state.trimmed < through.0 && state.trimmed - before < limit as u64 {
            if state.changes.pop_front().is_none() {
                break;
            }
            state.trimmed += 1;
        }
        Ok(usize::try_from(state.trimmed - before).unwrap_or(limit))
    }

    fn condition(&self) -> Condition {
        let grants = self.lock().grants.len() as u64;
        Condition { writable: true, grants, ..Condition::default() }
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn id(&self) -> StoreId {
        [0; 16]
    }

    async fn key_ids(&self) -> Result<Vec<KeyId>, ReadError> {
        Ok(self.lock().keys.iter().copied().collect())
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.lock().keys.insert(id);
        Ok(())
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.lock().keys.remove(&id);
        Ok(())
    }
}
