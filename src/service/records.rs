//! Reads and writes of records, as all components see them: what fails is the caller's error.
//!
//! A change reads, decides and writes within [`race`](crate::store::race::race), which runs it again when
//! another write came first.

use std::{future::Future, mem, sync::Arc};

use crate::{
    domain::{
        client::Client,
        client_id::ClientId,
        entropy::{Entropy, draw},
        error::{Error, Incident},
        grant::Grant,
        grant_id::GrantId,
        subject::UserId,
        time::{Clock, Timestamp},
        user::User,
        user_name::TypedName,
    },
    store::{
        self, FeedError, Premise, ReadError, Record, Records as _, Sequence, Store, Stored,
        Version, Write, WriteError,
        race::{Contention, race, won},
    },
};

/// The states that an attempt to change a record decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// States that may be outdated: from memory, or read without a proof. The write proves them, so a
    /// decision that writes nothing counts for nothing.
    Presumed,
    /// The newest states.
    Proven,
}

/// Access to the store for all components: errors are the caller's, and the time is the clock's.
pub(super) struct Records<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl<S> Clone for Records<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        }
    }
}

impl<S: Store> Records<S> {
    /// Over this store, by this clock. Secrets and ids are drawn from `entropy`.
    pub(super) fn new(store: S, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store: Arc::new(store), clock, entropy }
    }

    /// Returns the time of the process's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the result of a read of the store.
    ///
    /// # Errors
    /// `Unavailable`, and `Internal` for what is damaged.
    pub(super) async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, Error> {
        read.await.map_err(|error| self.read_failed(error))
    }

    /// Reads, decides and writes as [`race`] does. In a store that processes share the first attempt is
    /// on presumed states, which costs no read where memory has them; each later one is on proven states.
    ///
    /// # Errors
    /// Those of `attempt`, and [`Contention`].
    pub(super) async fn race_presuming<T, E, F>(
        &self,
        mut attempt: impl FnMut(Basis) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<Option<T>, E>>,
        E: From<Contention>,
    {
        let mut basis = if self.store.is_shared() { Basis::Presumed } else { Basis::Proven };
        race(|| attempt(mem::replace(&mut basis, Basis::Proven))).await
    }

    /// Returns a record that a decision rests on. One that memory does not have is read with proof, so
    /// that memory has it for the next decision.
    pub(super) async fn party<R: Record>(
        &self,
        records: &impl store::Records<R>,
        key: &R::Key,
        basis: Basis,
    ) -> Result<Option<Stored<R>>, Error> {
        let remembered = match basis {
            Basis::Presumed => records.remembered(key),
            Basis::Proven => None,
        };
        match remembered {
            Some(remembered) => Ok(Some(remembered)),
            None => self.read(records.get(key)).await,
        }
    }

    /// Returns the grant to change. `useful` excludes remembered states that are outdated for certain.
    pub(super) async fn grant_to_change(
        &self,
        id: GrantId,
        basis: Basis,
        useful: impl Fn(&Grant) -> bool,
    ) -> Result<Option<Stored<Grant>>, Error> {
        let grants = self.store.grants();
        match basis {
            Basis::Proven => self.grant(id).await,
            Basis::Presumed => match grants.remembered(&id).filter(|grant| useful(grant)) {
                Some(remembered) => Ok(Some(remembered)),
                None => self.read(grants.presumed(&id)).await,
            },
        }
    }

    pub(super) async fn grant(&self, id: GrantId) -> Result<Option<Stored<Grant>>, Error> {
        self.store.grants().get(&id).await.map_err(|error| self.read_failed(error))
    }

    pub(super) async fn client(&self, id: &ClientId) -> Result<Option<Stored<Client>>, Error> {
        self.store.clients().get(id).await.map_err(|error| self.read_failed(error))
    }

    pub(super) async fn user(&self, id: UserId) -> Result<Option<Stored<User>>, Error> {
        self.store.users().get(&id).await.map_err(|error| self.read_failed(error))
    }

    /// Returns the client, if it is `good`. The cache can be behind the writes of another process:
    /// it suffices for "yes", and for "no" the store is read, whether or not there is such a client.
    pub(super) async fn client_that(
        &self,
        id: &ClientId,
        good: impl Fn(&Client) -> bool,
    ) -> Result<Option<Stored<Client>>, Error> {
        if let Some(kept) = self.store.clients().cached(id).filter(|client| good(client)) {
            return Ok(Some(kept));
        }
        let current = self.read(self.store.clients().get_stored(id)).await?;
        Ok(current.filter(|client| good(client)))
    }

    /// The user whom somebody means by a name. Takes as long for a user that there is not.
    pub(super) async fn user_named(&self, name: &TypedName) -> Result<Option<Stored<User>>, Error> {
        let mut found = None;
        for reading in name.readings() {
            let user = self.read(self.store.user_by_name(reading)).await?;
            found = found.or(user);
        }
        Ok(found)
    }

    /// The end of the feed of changes.
    pub(super) async fn head(&self) -> Result<Sequence, Error> {
        self.store.head().await.map_err(|error| self.read_failed(error))
    }

    /// Adds a record; `what` names its kind.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that key, or of that name.
    pub(super) async fn insert<R: Record>(
        &self,
        records: &impl store::Records<R>,
        record: R,
        what: &'static str,
    ) -> Result<Stored<R>, Error> {
        match records.write(Write::Insert(record.clone())).await {
            Ok(version) => Ok(Stored::new(version, record)),
            Err(WriteError::Conflict) => Err(Error::AlreadyExists(what)),
            Err(error) => Err(self.write_failed(error)),
        }
    }

    /// Puts `next` in the place of what was found; `None` when another write came first.
    pub(super) async fn put<R: Record>(
        &self,
        records: &impl store::Records<R>,
        found: &Stored<R>,
        next: R,
    ) -> Result<Option<Stored<R>>, Error> {
        let version = self.win(records, Write::Replace(found.version(), next.clone())).await?;
        Ok(version.map(|version| Stored::new(version, next)))
    }

    /// Writes; `None` when another write came first.
    pub(super) async fn win<R: Record>(
        &self,
        records: &impl store::Records<R>,
        write: Write<R>,
    ) -> Result<Option<Version>, Error> {
        won(records.write(write).await).map_err(|error| self.write_failed(error))
    }

    /// Replaces a grant; `false` when another write came first.
    pub(super) async fn replace(&self, expected: Version, grant: Grant) -> Result<bool, Error> {
        let won = self.win(self.store.grants(), Write::Replace(expected, grant)).await?;
        Ok(won.is_some())
    }

    /// Replaces a grant as [`Self::replace`] does, if the `premises` hold.
    pub(super) async fn replace_if(
        &self,
        expected: Version,
        grant: Grant,
        premises: &[Premise],
    ) -> Result<bool, Error> {
        let written = self.store.grants().replace_if(expected, grant, premises).await;
        let won = won(written).map_err(|error| self.write_failed(error))?;
        Ok(won.is_some())
    }

    pub(super) fn read_failed(&self, error: ReadError) -> Error {
        match error {
            ReadError::Unavailable => Error::UNAVAILABLE,
            ReadError::Corrupt => self.internal(&error),
        }
    }

    /// `Conflict` does not come here: the writer races again.
    pub(super) fn write_failed(&self, error: WriteError) -> Error {
        match error {
            WriteError::Conflict => Error::Conflict,
            WriteError::Busy => Error::OVERLOADED,
            WriteError::NoSpace => Error::NO_SPACE,
            WriteError::Unavailable | WriteError::Unknown => Error::UNAVAILABLE,
            WriteError::TooLarge => {
                Error::InvalidRequest { field: "request", problem: "is too large to be kept" }
            }
            WriteError::Corrupt => self.internal(&error),
        }
    }

    pub(super) fn feed_failed(&self, error: FeedError) -> Error {
        match error {
            FeedError::TooOld { .. } | FeedError::Unavailable => Error::UNAVAILABLE,
            FeedError::Ahead | FeedError::Corrupt => self.internal(&error),
        }
    }

    pub(super) fn internal(&self, error: &dyn std::error::Error) -> Error {
        let incident = Incident(u64::from_be_bytes(draw(&*self.entropy)));
        tracing::error!(incident = format_args!("{:016x}", incident.0), %error, "internal error");
        Error::Internal { incident }
    }
}
