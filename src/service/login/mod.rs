//! Logs users in: failures slow the next login down, in the same way whether or not there is such a user.

pub(super) mod people;

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    HashPool,
    audit::audit_line::AuditSubject,
    hashing::{hash_pool::HashPermit, rehash::Rehash},
    holder::{Account, Holder},
    metrics::ServiceMetrics,
    records::Records,
    turns::{Presence, Turns},
};
use crate::{
    domain::{
        attempts::{Attempts, AttemptsId, AttemptsOf},
        cause::Cause,
        client::Client,
        error::Error,
        lockout::{LockoutPolicy, Verdict},
        secret::Secret,
        time::Clock,
        typed_secret::Reading,
        under_way::Begin,
        user::User,
        user_name::TypedName,
    },
    store::{
        Records as _, Store, Stored, Write, WriteError, queued,
        race::{race, won},
    },
};

/// The pause before a login looks again that waits for checks at other instances: some hashes.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Credentials of a login.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a Secret,
    /// Address of the peer.
    pub(super) address: Option<IpAddr>,
}

/// Logins of users by their passwords.
pub(super) struct Logins<S> {
    records: Records<S>,
    hashes: Arc<HashPool>,
    rehash: Arc<Rehash<S>>,
    /// Turns at each name.
    turns: Arc<Turns>,
    policy: LockoutPolicy,
    metrics: Arc<ServiceMetrics>,
}

impl<S> Logins<S> {
    pub(super) fn new(
        records: Records<S>,
        hashes: Arc<HashPool>,
        rehash: Arc<Rehash<S>>,
        policy: LockoutPolicy,
        metrics: Arc<ServiceMetrics>,
    ) -> Self {
        Self { records, hashes, rehash, turns: Arc::default(), policy, metrics }
    }
}

impl<S: Store> Logins<S> {
    /// Returns the user of a name and password. An unknown name takes as long as a wrong password
    /// and is counted and locked out like one; the answer to a disabled user is the same.
    ///
    /// # Errors
    /// `InvalidGrant`, once the failure is durable; `RateLimited` after too many, before anything is
    /// hashed; `InvalidRequest`, `Overloaded`, `Unavailable`.
    pub(super) async fn log_in(
        &self,
        client: &Client,
        login: Login<'_>,
        concerned: &mut AuditSubject,
    ) -> Result<Stored<User>, Error> {
        let Login { username, password, address } = login;
        if username.is_empty() {
            return Err(Error::missing("username"));
        }
        if password.is_empty() {
            return Err(Error::missing("password"));
        }
        if password.is_too_long() {
            let problem = "must be at most 1024 bytes";
            return Err(Error::InvalidRequest { field: "password", problem });
        }
        if password.has_line_break() {
            let problem = "must not hold line breaks";
            return Err(Error::InvalidRequest { field: "password", problem });
        }
        let name = TypedName::new(username);
        let id = match name.counted_as() {
            Some(name) => AttemptsId::of(&client.id, &name),
            None => AttemptsId::of_no_name(&client.id, username),
        };
        let account =
            Account { party: Holder::client(&client.id), member: Holder::address(address) };
        let until = Instant::now() + self.hashes.max_wait();
        let (user, reading) = loop {
            let (turn, seat) = self.turn(id, account, concerned).await?;
            let user = self.records.user_named(&name).await?;
            if let Some(user) = &user {
                concerned.user(user.id);
            }
            let guess = PasswordCheck {
                store: Arc::clone(&self.records.store),
                hashes: Arc::clone(&self.hashes),
                clock: Arc::clone(&self.records.clock),
                policy: self.policy,
                id,
                of: AttemptsOf {
                    client: client.id.clone(),
                    user: user.as_ref().map(|user| user.id),
                },
                password: password.clone(),
                user: user.clone(),
                _turn: turn,
            };
            // A caller that goes away does not take the failure with it, nor its line in the audit.
            queued::note();
            let checked = tokio::spawn(guess.check(seat)).await.map_err(|_| Error::UNAVAILABLE)?;
            match checked.map_err(|error| self.records.write_failed(error))? {
                Checked::Right(reading) => {
                    break user.map(|user| (user, reading)).ok_or(Cause::UnknownUser);
                }
                Checked::Wrong => break Err(wrong(user.as_deref())),
                Checked::LockedOut(retry_after) => return Err(self.locked_out(retry_after)),
                Checked::Busy if Instant::now() < until => sleep(LOOK_AGAIN).await,
                Checked::Busy => return Err(Error::OVERLOADED),
            }
        }
        .map_err(Error::InvalidGrant)?;
        self.rehash.renew_password(&user, reading);
        Ok(user)
    }

    fn locked_out(&self, retry_after: Duration) -> Error {
        self.metrics.over_failures.inc();
        Error::RateLimited { cause: Cause::FailedLogins, retry_after }
    }

    /// Waits for a turn at the name, and then for a thread to hash on. As many are checked at once as
    /// may fail before there is a wait; the others wait for them.
    ///
    /// # Errors
    /// `RateLimited` while the name is locked out, `Overloaded` when no turn comes soon.
    async fn turn(
        &self,
        id: AttemptsId,
        account: Account,
        concerned: &mut AuditSubject,
    ) -> Result<(Presence, HashPermit), Error> {
        let mut turn = self.turns.join(account.party, Holder::name(id))?;
        let coming = async {
            loop {
                turn.look();
                let attempts = self.records.read(self.records.store.attempts().get(&id)).await?;
                match self.policy.judge(attempts.as_deref(), self.records.now()) {
                    Verdict::Wait(retry_after) => {
                        let of = attempts.as_ref().and_then(|attempts| attempts.of.as_ref());
                        if let Some(user) = of.and_then(|of| of.user) {
                            concerned.user(user);
                        }
                        return Err(self.locked_out(retry_after));
                    }
                    Verdict::Try { at_once } => {
                        if turn.begin(at_once).await {
                            break;
                        }
                    }
                }
            }
            Ok((turn, self.hashes.seat(account).await?))
        };
        self.hashes.within_queue_timeout(coming).await
    }
}

/// Returns the cause for which a user's password is refused.
fn wrong(user: Option<&User>) -> Cause {
    match user {
        None => Cause::UnknownUser,
        Some(user) if user.disabled => Cause::DisabledUser,
        Some(_) => Cause::WrongPassword,
    }
}

/// Result of a check.
enum Checked {
    /// The password matches in this reading.
    Right(Reading),
    Wrong,
    /// As many are being checked, here and at other instances, as may fail.
    Busy,
    LockedOut(Duration),
}

/// One check of a password, whose outcome is recorded before the turn ends: running and failed
/// guesses together never exceed the allowed failures. If several processes share the store, the
/// check is recorded before it begins, too, since each process knows only its own turns.
struct PasswordCheck<S> {
    store: Arc<S>,
    hashes: Arc<HashPool>,
    clock: Arc<dyn Clock>,
    policy: LockoutPolicy,
    id: AttemptsId,
    of: AttemptsOf,
    password: Secret,
    user: Option<Stored<User>>,
    _turn: Presence,
}

impl<S: Store> PasswordCheck<S> {
    async fn check(self, seat: HashPermit) -> Result<Checked, WriteError> {
        if self.store.is_shared() {
            match self.begin().await? {
                Begin::Yes(_) => {}
                Begin::Busy => return Ok(Checked::Busy),
                Begin::Wait(left) => return Ok(Checked::LockedOut(left)),
            }
        }
        let hash = self.user.as_ref().and_then(|user| user.password.phc());
        let matches = self.hashes.verify_on(seat, &self.password, hash).await;
        let matches = matches.map_err(|_| WriteError::Unavailable)?;
        let right = matches.filter(|_| self.user.as_ref().is_some_and(|user| !user.disabled));
        if let Some(reading) = right {
            self.reset_failures().await;
            return Ok(Checked::Right(reading));
        }
        self.count_failure().await?;
        Ok(Checked::Wrong)
    }

    /// Writes down that the check begins, unless it may not.
    async fn begin(&self) -> Result<Begin, WriteError> {
        race(async || {
            let found = self.store.attempts().get(&self.id).await?;
            let begin = self.policy.begin(found.as_deref(), self.id, self.clock.now());
            let Begin::Yes(next) = &begin else { return Ok(Some(begin)) };
            let next = Attempts { of: Some(self.of.clone()), ..next.clone() };
            Ok(won(self.put(found, Some(next)).await)?.map(|()| begin))
        })
        .await
    }

    async fn count_failure(&self) -> Result<(), WriteError> {
        race(async || {
            let found = self.store.attempts().get(&self.id).await?;
            let failed = self.policy.failed(found.as_deref(), self.id, self.clock.now());
            let failed = Attempts { of: Some(self.of.clone()), ..failed };
            won(self.put(found, Some(failed)).await)
        })
        .await
    }

    /// A success that cannot be written down is a success all the same.
    async fn reset_failures(&self) {
        let forgotten: Result<(), WriteError> = race(async || {
            let Some(found) = self.store.attempts().get(&self.id).await? else {
                return Ok(Some(()));
            };
            let rest = LockoutPolicy::succeeded(&found);
            won(self.put(Some(found), rest).await)
        })
        .await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "failed logins are remembered after a success");
        }
    }

    /// Puts `next` in the place of what was found; `None` leaves nothing.
    async fn put(
        &self,
        found: Option<Stored<Attempts>>,
        next: Option<Attempts>,
    ) -> Result<(), WriteError> {
        let write = match (found, next) {
            (None, None) => return Ok(()),
            (None, Some(next)) => Write::Insert(next),
            (Some(found), Some(next)) => Write::Replace(found.version(), next),
            (Some(found), None) => Write::Delete(found.version(), self.id),
        };
        self.store.attempts().write(write).await.map(drop)
    }
}
