//! A store in memory that fails when it is told to.

use std::sync::{Arc, Mutex};

use jeton::{
    domain::{
        change::Change, client::Client, grant::Grant, grant_id::GrantId, key_ring::KeyId,
        time::Timestamp, user::User, user_name::UserName,
    },
    store::{
        Condition, FeedError, GrantOwner, ReadError, Record, Records, Sequence, Store, StoreId,
        Stored, Version, Write, WriteError, memory::MemoryStore,
    },
};

#[derive(Clone, Default)]
pub(crate) struct FailingStore {
    memory: MemoryStore,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// What fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// Everything.
    All(ReadError),
    /// Writing only.
    Writes(WriteError),
}

impl FailingStore {
    pub(crate) fn fail(&self, failure: Option<Failure>) {
        *self.failure.lock().expect("a lock") = failure;
    }

    fn check(&self) -> Result<(), ReadError> {
        match *self.failure.lock().expect("a lock") {
            Some(Failure::All(error)) => Err(error),
            Some(Failure::Writes(_)) | None => Ok(()),
        }
    }

    fn check_write(&self) -> Result<(), WriteError> {
        self.check()?;
        match *self.failure.lock().expect("a lock") {
            Some(Failure::Writes(error)) => Err(error),
            Some(Failure::All(_)) | None => Ok(()),
        }
    }
}

impl<R: Record> Records<R> for FailingStore
where
    MemoryStore: Records<R>,
{
    fn cached(&self, _: &R::Key) -> Option<Stored<R>> {
        None
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.check()?;
        self.memory.get(key).await
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        self.check()?;
        self.memory.page(after, limit).await
    }

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        self.check_write()?;
        self.memory.write(write).await
    }
}

impl Store for FailingStore {
    type Grants = Self;
    type Clients = Self;
    type Users = Self;
    type Attempts = Self;

    const ENGINE: &'static str = MemoryStore::ENGINE;

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

    async fn user_by_name(&self, name: &UserName) -> Result<Option<Stored<User>>, ReadError> {
        self.check()?;
        self.memory.user_by_name(name).await
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        self.check()?;
        self.memory.grant_ids(of, after, limit).await
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        self.memory.spent_grants(now, limit).await
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        self.memory.count_spent(now, limit).await
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        self.memory.head().await
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        self.check()?;
        self.memory.changes(after, limit).await
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        self.memory.changed(after).await
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        self.memory.trim_changes(through, limit).await
    }

    fn condition(&self) -> Condition {
        self.memory.condition()
    }

    fn id(&self) -> StoreId {
        self.memory.id()
    }

    fn key_ids(&self) -> Vec<KeyId> {
        self.memory.key_ids()
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.memory.add_key_id(id).await
    }
}

/// What tests put there before anything is asked.
pub(crate) async fn insert_client(store: &FailingStore, client: Client) {
    Records::<Client>::write(store, Write::Insert(client)).await.expect("a new client");
}

pub(crate) async fn insert_user(store: &FailingStore, user: User) {
    Records::<User>::write(store, Write::Insert(user)).await.expect("a new user");
}
