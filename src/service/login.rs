//! Logs users in: failures slow the next login down, in the same way whether or not there is such a user.

use std::sync::Arc;

use super::{
    HashPool, MAX_RACES, Service,
    audit::Concerned,
    hash_pool::{Seat, soon},
    turns::Presence,
};
use crate::{
    domain::{
        attempts::AttemptsId,
        client::Client,
        error::Error,
        lockout::{LockoutPolicy, Verdict},
        secret::Secret,
        time::Clock,
        typed_secret::Reading,
        user::User,
        user_name::TypedName,
    },
    store::{Records as _, Store, Stored, Write, WriteError},
};

/// How many logins of one name at one client may be under way. As many are checked at once as may
/// fail before there is a wait; the others wait for them.
const MOST_AT_ONE_NAME: usize = 1_024;

impl<S: Store> Service<S> {
    /// The user behind a name and password. An unknown name takes as long as a wrong password, is
    /// counted and locked out like one, and a disabled user is told no more than either.
    ///
    /// # Errors
    /// `InvalidGrant`, once the failure is durable; `RateLimited` after too many, before anything is
    /// hashed; `InvalidRequest`, `Overloaded`, `Unavailable`.
    pub(super) async fn log_in(
        &self,
        client: &Client,
        username: &str,
        password: &Secret,
        concerned: &mut Concerned,
    ) -> Result<Stored<User>, Error> {
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
        let (turn, seat) = self.turn(id).await?;
        let user = self.user_named(&name).await?;
        if let Some(user) = &user {
            concerned.user(user.id);
        }
        let guess = Guess {
            store: Arc::clone(&self.store),
            hashes: Arc::clone(&self.hashes),
            clock: Arc::clone(&self.clock),
            policy: self.lockout,
            id,
            password: password.clone(),
            user: user.clone(),
            _turn: turn,
        };
        // A caller that goes away does not take the failure with it.
        let checked = tokio::spawn(guess.check(seat)).await.map_err(|_| Error::UNAVAILABLE)?;
        let right = checked.map_err(|error| self.write_failed(error))?;
        let (user, reading) = user.zip(right).ok_or(Error::InvalidGrant)?;
        self.renew_password(&user, reading);
        Ok(user)
    }

    /// Waits for a turn at the name, and then for a thread to hash on.
    ///
    /// # Errors
    /// `RateLimited` while the name is locked out, `Overloaded` when no turn comes soon.
    async fn turn(&self, id: AttemptsId) -> Result<(Presence, Seat), Error> {
        let mut turn = self.login_turns.join(*id.as_bytes(), MOST_AT_ONE_NAME)?;
        soon(async {
            loop {
                turn.look();
                let attempts = self.store.attempts().get(&id).await;
                let attempts = attempts.map_err(|error| self.read_failed(error))?;
                match self.lockout.judge(attempts.as_deref(), self.now()) {
                    Verdict::Wait(retry_after) => {
                        self.metrics.over_failures.inc();
                        return Err(Error::RateLimited { retry_after });
                    }
                    Verdict::Try { at_once } => {
                        if turn.begin(at_once).await {
                            break;
                        }
                    }
                }
            }
            Ok((turn, self.hashes.seat().await?))
        })
        .await
    }
}

/// One check of a password, whose outcome is written down before the turn ends: of all guesses that
/// run or have failed there are never more than may fail.
struct Guess<S> {
    store: Arc<S>,
    hashes: Arc<HashPool>,
    clock: Arc<dyn Clock>,
    policy: LockoutPolicy,
    id: AttemptsId,
    password: Secret,
    user: Option<Stored<User>>,
    _turn: Presence,
}

impl<S: Store> Guess<S> {
    /// How the password is the right one, if it is.
    async fn check(self, seat: Seat) -> Result<Option<Reading>, WriteError> {
        let hash = self.user.as_ref().map(|user| &*user.password.0);
        let matches = self.hashes.verify_on(seat, &self.password, hash).await;
        let matches = matches.map_err(|_| WriteError::Unavailable)?;
        let right = matches.filter(|_| self.user.as_ref().is_some_and(|user| !user.disabled));
        if right.is_some() {
            self.forget_failures().await;
        } else {
            self.count_failure().await?;
        }
        Ok(right)
    }

    async fn count_failure(&self) -> Result<(), WriteError> {
        for _ in 0..MAX_RACES {
            let found = self.store.attempts().get(&self.id).await?;
            let failed = self.policy.failed(found.as_deref(), self.id, self.clock.now());
            let write = match found {
                None => Write::Insert(failed),
                Some(found) => Write::Replace(found.version(), failed),
            };
            match self.store.attempts().write(write).await {
                Err(WriteError::Conflict) => {}
                written => return written.map(drop),
            }
        }
        Err(WriteError::Conflict)
    }

    /// A success that cannot be written down is a success all the same.
    async fn forget_failures(&self) {
        let forgotten = match self.store.attempts().get(&self.id).await {
            Ok(None) => return,
            Ok(Some(found)) => {
                let write = Write::Delete(found.version(), self.id);
                self.store.attempts().write(write).await.map(drop)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = forgotten {
            tracing::debug!(%error, "failed logins are remembered after a success");
        }
    }
}
