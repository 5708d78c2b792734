//! Sees to it that somebody administers: no change takes the last one away unasked, and the machine itself
//! lets one in again.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    domain::{
        administrator::Administers,
        client::Client,
        client_id::ClientId,
        client_secret::{SecretHash, StoredSecret},
        entropy::{Entropy, draw},
        error::Error,
        time::Timestamp,
    },
    service::{audit::audit_line, records::Records},
    store::{
        Pages, ReadError, Records as _, Store, Stored, Write, WriteError,
        race::{race, won},
    },
};

/// Clients that are read at a time.
const STEP: usize = 256;
/// Longest pause before another administrator is written.
const MOST_ASIDE: Duration = Duration::from_millis(16);

/// Permission for a change to leave no administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAdministrator {
    /// It is refused.
    Refused,
    /// It was asked for.
    Allowed,
}

/// A change of a client that may take an administrator away.
#[derive(Clone, Copy)]
pub(in crate::service) struct Leaving<'a> {
    /// The client as it is.
    pub(in crate::service) before: &'a Client,
    /// The client as it will be; `None` where it is deleted.
    pub(in crate::service) after: Option<&'a Client>,
    /// Permission to leave none.
    pub(in crate::service) may_be_none: NoAdministrator,
}

/// Administrators among the clients.
pub struct Administrators<S> {
    records: Records<S>,
}

impl<S> Administrators<S> {
    pub(in crate::service) const fn new(records: Records<S>) -> Self {
        Self { records }
    }
}

impl<S: Store> Administrators<S> {
    /// Lets a change go on that leaves another client which administers as surely, if it makes the client do
    /// so less surely, or if that may be none. Returns `false` when another write came first: then the
    /// change begins again.
    ///
    /// The other administrator is written as it is. Of two changes that cross, at any two instances, one has
    /// read its client before the other wrote it, and loses its race: two administrators cannot take each
    /// other away, nor can more of them in a circle. Read the client before this and replace it afterwards,
    /// by the version that was read.
    ///
    /// # Errors
    /// `InvalidRequest` when there is no other one; `Unavailable`.
    pub(in crate::service) async fn keep_administrator(
        &self,
        leaving: Leaving<'_>,
    ) -> Result<bool, Error> {
        let Some(other) = self.other_administrator(leaving).await? else { return Ok(true) };
        // Two changes in step with each other would take each other's race each time.
        sleep(self.step_aside()).await;
        let as_it_is = Client::clone(&other);
        Ok(self.records.put(self.records.store.clients(), &other, as_it_is).await?.is_some())
    }

    /// Checks [`Self::keep_administrator`] without a write.
    ///
    /// # Errors
    /// As there.
    pub(in crate::service) async fn check_administrator(
        &self,
        leaving: Leaving<'_>,
    ) -> Result<(), Error> {
        self.other_administrator(leaving).await.map(drop)
    }

    /// Returns the administrator that is to stay, if the change needs one.
    async fn other_administrator(
        &self,
        leaving: Leaving<'_>,
    ) -> Result<Option<Stored<Client>>, Error> {
        let (now, Leaving { before, after, may_be_none }) = (self.records.now(), leaving);
        let was = before.administers(now);
        let will = after.map_or(Administers::Not, |client| client.administers(now));
        if will >= was || may_be_none == NoAdministrator::Allowed {
            return Ok(None);
        }
        let another = find(&*self.records.store, |client| {
            client.id != before.id && client.administers(now) >= was
        });
        if let Some(other) = self.records.read(another).await? {
            return Ok(Some(other));
        }
        let problem = match will {
            Administers::ForAWhile => {
                "must be set to leave no administrator for longer than the secret is good: there is \
                 no other one"
            }
            Administers::Not | Administers::Lastingly => {
                "must be set to leave no administrator: there is no other one that lasts"
            }
        };
        Err(Error::InvalidRequest { field: "allow_no_administrator", problem })
    }

    /// A random part of [`MOST_ASIDE`].
    fn step_aside(&self) -> Duration {
        let [part] = draw(&*self.records.entropy);
        MOST_ASIDE * u32::from(part) / u32::from(u8::MAX)
    }

    /// [`reset_administrator`], of the store that is served. It is in the audit, however it ends.
    ///
    /// # Errors
    /// As there.
    pub async fn reset_administrator(
        &self,
        id: &ClientId,
        hash: SecretHash,
    ) -> Result<(), WriteError> {
        reset_administrator(
            &*self.records.store,
            id,
            hash,
            &*self.records.entropy,
            self.records.now(),
        )
        .await
    }
}

/// A client that administers, if there is one.
///
/// # Errors
/// When the store cannot be read.
pub async fn administrator(
    store: &impl Store,
    now: Timestamp,
) -> Result<Option<ClientId>, ReadError> {
    let found = find(store, |client| client.administers(now) > Administers::Not).await?;
    Ok(found.map(|client| client.id.clone()))
}

async fn find(
    store: &impl Store,
    wanted: impl Fn(&Client) -> bool,
) -> Result<Option<Stored<Client>>, ReadError> {
    let mut pages = Pages::of(store.clients(), STEP);
    while let Some(page) = pages.next().await? {
        if let Some(found) = page.into_iter().find(|client| wanted(client)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Makes the client an enabled administrator whose only secret is the generated one with this hash: the
/// client that there is, or a new one. Ends its grants. Returns once that is durable; it is in the audit,
/// however it ends.
///
/// # Errors
/// When the store cannot be read or written: then it may be done or not.
pub async fn reset_administrator(
    store: &impl Store,
    id: &ClientId,
    hash: SecretHash,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(), WriteError> {
    let reset = reset(store, id, &StoredSecret::Generated(hash), entropy, now).await;
    audit_line::write_reset(id, reset.as_ref().err());
    reset
}

async fn reset(
    store: &impl Store,
    id: &ClientId,
    stored: &StoredSecret,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(), WriteError> {
    race(async || {
        let write = match store.clients().get(id).await? {
            None => Write::Insert(Client::administrator(id.clone(), stored.clone(), entropy, now)),
            Some(found) => {
                let reset = found.reset_as_administrator(stored.clone(), entropy, now);
                Write::Replace(found.version(), reset)
            }
        };
        Ok(won(store.clients().write(write).await)?.map(drop))
    })
    .await
}
