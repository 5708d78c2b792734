//! Shows and lifts lockouts: failed logins that keep the next one of a name at a client waiting.

use std::{collections::BTreeMap, fmt::Display};

use super::page;
use crate::{
    domain::{
        attempts::{Attempts, AttemptsId},
        client_id::ClientId,
        error::Error,
        lockout::LockoutPolicy,
        page_token::ListId,
        subject::UserId,
        time::Timestamp,
        user::User,
        user_name::{TypedName, UserName},
    },
    service::{Admin, Page, PageRequest, records::Records},
    store::{
        Pages, Records as _, Store, Stored, Write, WriteError,
        race::{race, won},
    },
};

/// Clients, and the failures at each, that are read at a time.
const STEP: usize = 256;

/// Failed logins of one name at one client.
#[derive(Clone, Debug)]
pub struct Lockout {
    /// Names the pair.
    pub id: AttemptsId,
    /// The client that the password was shown to; `None` in records of earlier releases.
    pub client: Option<ClientId>,
    /// The user of that name when it was last tried; `None` for a name that nobody had.
    pub user: Option<UserId>,
    /// Present name of the user; `None` if the user is gone.
    pub username: Option<UserName>,
    /// Number of recorded failures.
    pub failures: u32,
    /// When the last one was.
    pub last_failure: Timestamp,
    /// When the next password is tried; `None`: now.
    pub retry_time: Option<Timestamp>,
}

/// Filter of a list of lockouts.
#[derive(Clone, Debug, Default)]
pub struct LockoutFilter {
    /// Those of this user.
    pub user: Option<UserId>,
    /// Those at this client.
    pub client: Option<ClientId>,
    /// Failures, too, that keep nobody waiting.
    pub all: bool,
}

/// Selection of lockouts to lift.
#[derive(Clone, Debug)]
pub enum ClearLockouts {
    /// This one.
    One(AttemptsId),
    /// Those of a user.
    OfUser {
        /// The user.
        id: UserId,
        /// At this client alone.
        client: Option<ClientId>,
    },
}

/// Administration of lockouts.
pub struct Lockouts<S> {
    records: Records<S>,
    policy: LockoutPolicy,
}

impl<S> Lockouts<S> {
    pub(in crate::service) fn new(records: Records<S>, policy: LockoutPolicy) -> Self {
        Self { records, policy }
    }
}

impl<S: Store> Lockouts<S> {
    /// A page of the lockouts, in no particular order. Those of one user come on one page.
    ///
    /// # Errors
    /// `InvalidRequest` for a token of another list, `NotFound` for a user that there is not,
    /// `Unavailable`.
    pub async fn list_lockouts(
        &self,
        _: &Admin,
        filter: &LockoutFilter,
        request: &PageRequest,
    ) -> Result<Page<Lockout>, Error> {
        if let Some(id) = filter.user {
            let user = self.records.user(id).await?.ok_or(Error::NotFound("user"))?;
            let at = |lockout: &Lockout| {
                filter.client.is_none() || lockout.client.as_ref() == filter.client.as_ref()
            };
            let mut entries = self.lockouts_of(&user).await?;
            entries.retain(|lockout| at(lockout) && (filter.all || lockout.retry_time.is_some()));
            return Ok(Page { entries, next_token: String::new() });
        }
        let (now, client) = (self.records.now(), filter.client.as_ref());
        let list = ListId::new(
            "lockouts",
            &[client.map_or("", ClientId::as_str), if filter.all { "1" } else { "" }],
        );
        let wanted = |attempts: &Attempts| {
            let standing = self.policy.standing(attempts, now);
            let at = attempts.of.as_ref().map(|of| &of.client);
            standing.failures > 0
                && (filter.all || !standing.wait.is_zero())
                && (client.is_none() || at == client)
        };
        let failed = |error| self.records.read_failed(error);
        let page =
            page::records(self.records.store.attempts(), list, request, wanted, failed).await?;
        let mut names = BTreeMap::new();
        let users = page.entries.iter().filter_map(|attempts| attempts.of.as_ref()?.user);
        let users: Vec<UserId> = users.collect();
        for user in self.records.store.users().get_many(&users).await {
            let user = user.map_err(|error| self.records.read_failed(error))?;
            names.extend(user.map(|user| (user.id, user.name.clone())));
        }
        let shown = |attempts: &Stored<Attempts>| {
            let mut lockout = self.shown(attempts, now);
            lockout.username = lockout.user.and_then(|id| names.get(&id).cloned());
            lockout
        };
        let entries = page.entries.iter().map(shown).collect();
        Ok(Page { entries, next_token: page.next_token })
    }

    /// The failed logins of a user at all clients that there are, those included that keep nobody
    /// waiting.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn user_lockouts(&self, _: &Admin, user: &User) -> Result<Vec<Lockout>, Error> {
        self.lockouts_of(user).await
    }

    async fn lockouts_of(&self, user: &User) -> Result<Vec<Lockout>, Error> {
        let (now, mut lockouts) = (self.records.now(), Vec::new());
        let found = failures(&*self.records.store, &user.name, None).await;
        for (client, attempts) in found.map_err(|error| self.records.write_failed(error))? {
            let lockout = Lockout {
                client: Some(client),
                user: Some(user.id),
                username: Some(user.name.clone()),
                ..self.shown(&attempts, now)
            };
            lockouts.extend(Some(lockout).filter(|lockout| lockout.failures > 0));
        }
        Ok(lockouts)
    }

    fn shown(&self, attempts: &Attempts, now: Timestamp) -> Lockout {
        let standing = self.policy.standing(attempts, now);
        Lockout {
            id: attempts.id,
            client: attempts.of.as_ref().map(|of| of.client.clone()),
            user: attempts.of.as_ref().and_then(|of| of.user),
            username: None,
            failures: standing.failures,
            last_failure: attempts.last_failure,
            retry_time: (!standing.wait.is_zero()).then(|| now.after(standing.wait)),
        }
    }

    /// Lifts lockouts: the failures are forgotten, and the next password is tried. Answers once that
    /// is durable, with how many there were.
    ///
    /// # Errors
    /// `NotFound` for a user or a lockout that there is not; `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn clear_lockouts(&self, admin: &Admin, which: &ClearLockouts) -> Result<u64, Error> {
        let (cleared, record): (_, &dyn Display) = match which {
            ClearLockouts::One(id) => (self.clear_one(*id).await, id),
            ClearLockouts::OfUser { id, client } => {
                (self.clear_user(*id, client.as_ref()).await, id)
            }
        };
        admin.noted("clear lockout", Some(record), cleared)
    }

    async fn clear_one(&self, id: AttemptsId) -> Result<u64, Error> {
        let found = self.records.read(self.records.store.attempts().get(&id)).await?;
        let found = found.ok_or(Error::NotFound("lockout"))?;
        let cleared = clear(&*self.records.store, found.id).await;
        cleared.map(|()| 1).map_err(|error| self.records.write_failed(error))
    }

    async fn clear_user(&self, id: UserId, client: Option<&ClientId>) -> Result<u64, Error> {
        let user = self.records.user(id).await?.ok_or(Error::NotFound("user"))?;
        self.reset_failures(&user.name, client).await
    }

    /// Removes the failed logins of a name, as for a new account.
    pub(in crate::service) async fn reset_failures(
        &self,
        name: &UserName,
        client: Option<&ClientId>,
    ) -> Result<u64, Error> {
        let forgotten = reset_failures(&*self.records.store, name, client).await;
        forgotten.map_err(|error| self.records.write_failed(error))
    }
}

/// Forgets the failed logins of `name`, at `client` or at every client that there is, and returns at how
/// many there were some.
///
/// # Errors
/// When the store fails, or a record changes all the time.
pub async fn reset_failures<S: Store>(
    store: &S,
    name: &UserName,
    client: Option<&ClientId>,
) -> Result<u64, WriteError> {
    let found = failures(store, name, client).await?;
    let count = found.len();
    for (_, attempts) in found {
        clear(store, attempts.id).await?;
    }
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// The failed logins of a name, at `client` or at every client.
async fn failures<S: Store>(
    store: &S,
    name: &UserName,
    client: Option<&ClientId>,
) -> Result<Vec<(ClientId, Stored<Attempts>)>, WriteError> {
    let Some(counted) = TypedName::new(name.as_str()).counted_as() else { return Ok(Vec::new()) };
    if let Some(client) = client {
        return failures_at(store, &counted, vec![client.clone()]).await;
    }
    let (mut all, mut pages) = (Vec::new(), Pages::of(store.clients(), STEP));
    while let Some(page) = pages.next().await? {
        let clients = page.iter().map(|client| client.id.clone()).collect();
        all.extend(failures_at(store, &counted, clients).await?);
    }
    Ok(all)
}

async fn failures_at<S: Store>(
    store: &S,
    name: &UserName,
    clients: Vec<ClientId>,
) -> Result<Vec<(ClientId, Stored<Attempts>)>, WriteError> {
    let ids: Vec<_> = clients.iter().map(|client| AttemptsId::of(client, name)).collect();
    let mut found = Vec::new();
    for (client, attempts) in clients.into_iter().zip(store.attempts().get_many(&ids).await) {
        found.extend(attempts?.map(|attempts| (client, attempts)));
    }
    Ok(found)
}

/// Forgets the failures of one record.
async fn clear<S: Store>(store: &S, id: AttemptsId) -> Result<(), WriteError> {
    race(async || {
        let Some(attempts) = store.attempts().get(&id).await? else { return Ok(Some(())) };
        let write = match LockoutPolicy::cleared(&attempts) {
            Some(left) if left == *attempts => return Ok(Some(())),
            Some(left) => Write::Replace(attempts.version(), left),
            None => Write::Delete(attempts.version(), id),
        };
        Ok(won(store.attempts().write(write).await)?.map(drop))
    })
    .await
}
