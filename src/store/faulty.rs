//! A store with planned faults over a working store, for tests of everything above the store.
//!
//! It caches nothing: every read can fail. A fault comes before the inner store is called, except
//! [`WriteFault::Acknowledgement`], which comes after.

mod signing;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

use super::{
    Condition, FeedError, GrantOwner, ReadError, Record, Records, Sequence, Store, StoreId, Stored,
    Version, Write, WriteError, queued,
};
use crate::domain::{
    attempts::Attempts, change::Change, client::Client, grant::Grant, grant_id::GrantId,
    key_ring::KeyId, time::Timestamp, used_assertion::UsedAssertion, user::User,
    user_identity::UserIdentity, user_name::UserName,
};

/// A fault of one read.
#[derive(Clone, Debug)]
pub enum ReadFault {
    /// The read fails with this error.
    Fails(ReadError),
    /// The read waits until the gate is opened, and is answered then.
    Waits(Gate),
    /// The read is answered after this delay.
    Takes(Duration),
}

/// A fault of one write.
#[derive(Clone, Debug)]
pub enum WriteFault {
    /// Nothing is written and the write fails with this error. [`WriteError::Unknown`] here means a
    /// write that was lost.
    Fails(WriteError),
    /// The write is carried out, and its result is always [`WriteError::Unknown`].
    Acknowledgement,
    /// The write waits until the gate is opened, and is carried out then.
    Waits(Gate),
}

/// A gate that holds calls back while a test does something else. Clones share the gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<Passage>>);

#[derive(Clone, Copy, Debug, Default)]
struct Passage {
    arrived: usize,
    open: bool,
}

impl Gate {
    /// Creates a closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(Passage::default())))
    }

    /// Lets through all calls that wait, and all later ones.
    pub fn open(&self) {
        self.0.send_modify(|passage| passage.open = true);
    }

    /// Waits until `calls` calls have arrived at the gate.
    pub async fn arrived(&self, calls: usize) {
        self.wait(|passage| passage.arrived >= calls).await;
    }

    async fn pass(&self) {
        self.0.send_modify(|passage| passage.arrived += 1);
        self.wait(|passage| passage.open).await;
    }

    async fn wait(&self, until: impl FnMut(&Passage) -> bool) {
        let mut passage = self.0.subscribe();
        let waited = passage.wait_for(until).await.map(drop);
        waited.expect("the sender lives as long as the gate");
    }
}

/// Returns the fault of the next call, or `None` if it succeeds.
type Plan<F> = Box<dyn FnMut() -> Option<F> + Send>;

struct Faults {
    reads: Plan<ReadFault>,
    writes: Plan<WriteFault>,
}

impl Faults {
    fn none() -> Self {
        Self { reads: Box::new(|| None), writes: Box::new(|| None) }
    }
}

/// A store with its planned faults, none at first. Clones share both.
#[derive(Clone)]
pub struct FaultyStore<S> {
    store: S,
    faults: Arc<Mutex<Faults>>,
}

impl<S> FaultyStore<S> {
    /// Wraps `store` without faults.
    pub fn new(store: S) -> Self {
        Self { store, faults: Arc::new(Mutex::new(Faults::none())) }
    }

    /// Asks `plan` for a fault before each read from now on.
    pub fn plan_reads(&self, plan: impl FnMut() -> Option<ReadFault> + Send + 'static) {
        self.lock().reads = Box::new(plan);
    }

    /// Asks `plan` for a fault before each write from now on.
    pub fn plan_writes(&self, plan: impl FnMut() -> Option<WriteFault> + Send + 'static) {
        self.lock().writes = Box::new(plan);
    }

    /// Applies the entries of `script` to the next writes, in order. Later writes succeed.
    pub fn script_writes(&self, script: impl IntoIterator<Item = Option<WriteFault>>) {
        let mut script: VecDeque<_> = script.into_iter().collect();
        self.plan_writes(move || script.pop_front().flatten());
    }

    /// Removes all planned faults.
    pub fn mend(&self) {
        *self.lock() = Faults::none();
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<(), ReadError> {
        let fault = (self.lock().reads)();
        match fault {
            None => Ok(()),
            Some(ReadFault::Fails(error)) => Err(error),
            Some(ReadFault::Waits(gate)) => {
                gate.pass().await;
                Ok(())
            }
            Some(ReadFault::Takes(time)) => {
                sleep(time).await;
                Ok(())
            }
        }
    }

    async fn write<T>(
        &self,
        write: impl Future<Output = Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        queued::note();
        let fault = (self.lock().writes)();
        match fault {
            None => write.await,
            Some(WriteFault::Fails(error)) => Err(error),
            Some(WriteFault::Acknowledgement) => {
                drop(write.await);
                Err(WriteError::Unknown)
            }
            Some(WriteFault::Waits(gate)) => {
                gate.pass().await;
                write.await
            }
        }
    }
}

/// A type of record with its place in an inner store.
trait Kept: Record {
    fn records<S: Store>(store: &S) -> &impl Records<Self>;
}

impl Kept for Grant {
    fn records<S: Store>(store: &S) -> &impl Records<Self> {
        store.grants()
    }
}

impl Kept for Client {
    fn records<S: Store>(store: &S) -> &impl Records<Self> {
        store.clients()
    }
}

impl Kept for User {
    fn records<S: Store>(store: &S) -> &impl Records<Self> {
        store.users()
    }
}

impl Kept for Attempts {
    fn records<S: Store>(store: &S) -> &impl Records<Self> {
        store.attempts()
    }
}

impl Kept for UsedAssertion {
    fn records<S: Store>(store: &S) -> &impl Records<Self> {
        store.assertions()
    }
}

impl<S: Store, R: Kept> Records<R> for FaultyStore<S> {
    fn cached(&self, _key: &R::Key) -> Option<Stored<R>> {
        None
    }

    async fn get(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.read().await?;
        R::records(&self.store).get(key).await
    }

    async fn get_stored(&self, key: &R::Key) -> Result<Option<Stored<R>>, ReadError> {
        self.read().await?;
        R::records(&self.store).get_stored(key).await
    }

    async fn get_many(&self, keys: &[R::Key]) -> Vec<Result<Option<Stored<R>>, ReadError>> {
        if let Err(error) = self.read().await {
            return vec![Err(error); keys.len()];
        }
        R::records(&self.store).get_many(keys).await
    }

    async fn page(
        &self,
        after: Option<&R::Key>,
        limit: usize,
    ) -> Result<Vec<Stored<R>>, ReadError> {
        self.read().await?;
        R::records(&self.store).page(after, limit).await
    }

    async fn write(&self, write: Write<R>) -> Result<Version, WriteError> {
        Self::write(self, R::records(&self.store).write(write)).await
    }
}

impl<S: Store> Store for FaultyStore<S> {
    type Grants = Self;
    type Clients = Self;
    type Users = Self;
    type Attempts = Self;
    type Assertions = Self;

    fn engine(&self) -> &'static str {
        self.store.engine()
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
        self.read().await?;
        self.store.user_by_name(name).await
    }

    async fn users_by_identity(
        &self,
        identity: &UserIdentity,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        self.read().await?;
        self.store.users_by_identity(identity).await
    }

    async fn grant_ids(
        &self,
        of: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        self.read().await?;
        self.store.grant_ids(of, after, limit).await
    }

    async fn newest_grant_ids(
        &self,
        of: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        self.read().await?;
        self.store.newest_grant_ids(of, before, limit).await
    }

    async fn spent_grants(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<Grant>>, ReadError> {
        self.read().await?;
        self.store.spent_grants(now, limit).await
    }

    async fn count_spent(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        self.read().await?;
        self.store.count_spent(now, limit).await
    }

    async fn head(&self) -> Result<Sequence, ReadError> {
        self.read().await?;
        self.store.head().await
    }

    fn position(&self) -> Sequence {
        self.store.position()
    }

    async fn changes(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        self.read().await?;
        self.store.changes(after, limit).await
    }

    async fn changed(&self, after: Sequence) -> Result<(), ReadError> {
        self.read().await?;
        self.store.changed(after).await
    }

    async fn trim_changes(&self, through: Sequence, limit: usize) -> Result<usize, WriteError> {
        self.write(self.store.trim_changes(through, limit)).await
    }

    fn condition(&self) -> Condition {
        self.store.condition()
    }

    fn id(&self) -> StoreId {
        self.store.id()
    }

    async fn key_ids(&self) -> Result<Vec<KeyId>, ReadError> {
        self.read().await?;
        self.store.key_ids().await
    }

    async fn add_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.write(self.store.add_key_id(id)).await
    }

    async fn remove_key_id(&self, id: KeyId) -> Result<(), WriteError> {
        self.write(self.store.remove_key_id(id)).await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn may_sweep(&self) -> Result<bool, ReadError> {
        self.store.may_sweep().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{conformance, memory::MemoryStore};

    #[tokio::test]
    async fn without_faults_the_wrapper_keeps_the_contract() {
        conformance::run(&FaultyStore::new(MemoryStore::new())).await;
    }
}
