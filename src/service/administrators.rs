//! Sees to it that somebody administers: no change takes the last one away unasked, and the machine itself
//! lets one in again.

use tokio::sync::MutexGuard;

use super::{Service, audit_line, records::MAX_RACES};
use crate::{
    domain::{
        administrator::Administers,
        client::Client,
        client_id::ClientId,
        client_secret::{SecretHash, StoredSecret},
        entropy::Entropy,
        error::Error,
        time::Timestamp,
    },
    store::{Pages, ReadError, Records as _, Store, Write, WriteError},
};

/// Clients that are read at a time.
const STEP: usize = 256;

/// Permission for a change to leave no administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAdministrator {
    /// It is refused.
    Refused,
    /// It was asked for.
    Allowed,
}

impl<S: Store> Service<S> {
    /// Lets a change of a client go on that leaves another one who administers as surely, if it makes the
    /// client do so less surely, or if that `may_be_none`. As long as what it returns is held no other such
    /// change goes on at this instance: of two administrators who take each other away one is refused.
    ///
    /// # Errors
    /// `InvalidRequest` when there is no other one; `Unavailable`.
    pub(super) async fn keep_administrator(
        &self,
        before: &Client,
        after: Option<&Client>,
        may_be_none: NoAdministrator,
    ) -> Result<Option<MutexGuard<'_, ()>>, Error> {
        let now = self.now();
        let was = before.administers(now);
        let will = after.map_or(Administers::Not, |client| client.administers(now));
        if will >= was || may_be_none == NoAdministrator::Allowed {
            return Ok(None);
        }
        let held = self.administrators.lock().await;
        let another =
            find(&*self.store, |client| client.id != before.id && client.administers(now) >= was);
        if another.await.map_err(|error| self.read_failed(error))?.is_some() {
            return Ok(Some(held));
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

    /// [`reset_administrator`], of the store that is served. It is in the audit, however it ends.
    ///
    /// # Errors
    /// As there.
    pub async fn reset_administrator(
        &self,
        id: &ClientId,
        hash: SecretHash,
    ) -> Result<(), WriteError> {
        reset_administrator(&*self.store, id, hash, &*self.entropy, self.now()).await
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
    find(store, |client| client.administers(now) > Administers::Not).await
}

async fn find(
    store: &impl Store,
    wanted: impl Fn(&Client) -> bool,
) -> Result<Option<ClientId>, ReadError> {
    let mut pages = Pages::of(store.clients(), STEP);
    while let Some(page) = pages.next().await? {
        if let Some(found) = page.iter().find(|client| wanted(client)) {
            return Ok(Some(found.id.clone()));
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
    for _ in 0..MAX_RACES {
        let write = match store.clients().get(id).await? {
            None => Write::Insert(Client::administrator(id.clone(), stored.clone(), entropy, now)),
            Some(found) => {
                let reset = found.reset_as_administrator(stored.clone(), entropy, now);
                Write::Replace(found.version(), reset)
            }
        };
        match store.clients().write(write).await {
            Err(WriteError::Conflict) => {}
            written => return written.map(drop),
        }
    }
    Err(WriteError::Conflict)
}
