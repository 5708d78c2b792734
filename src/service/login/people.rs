//! Logs people in by ID tokens of trusted issuers (RFC 7523 §2.1).
//!
//! No limit of guesses is kept for them, and a lockout after wrong passwords does not concern them: a
//! signature cannot be guessed, and a stranger who guesses passwords keeps nobody out.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    domain::{
        attributes::Attributes,
        cause::Cause,
        client::Client,
        error::Error,
        person::Person,
        secret::Secret,
        time::Timestamp,
        used_assertion::{AssertionId, UsedAssertion},
        user::{PasswordHash, User},
        user_identity::UserIdentity,
        user_name::{TypedName, UserName},
        user_patch::UserPatch,
    },
    service::{
        administration::{lockouts::Lockouts, users::Users},
        audit::audit_line::AuditSubject,
        authentication::trusted_issuers::{ProvenPerson, TrustedIssuers},
        records::Records,
    },
    store::{Records as _, Store, Stored, Write, WriteError},
};

const UNUSABLE: Error = Error::InvalidGrant(Cause::UnusableClaim);
const NAME_TAKEN: Error = Error::InvalidGrant(Cause::NameTaken);
/// Tries of a first login while others write the name of its user.
const MOST_TRIES: usize = 64;
/// The pause between two of them: some commits.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The user whom an ID token is for.
pub(in crate::service) struct Vouched {
    pub(in crate::service) user: Stored<User>,
    /// From when on the ID token is refused.
    pub(in crate::service) expire_time: Timestamp,
}

/// Logins of people by ID tokens.
pub(in crate::service) struct People<S> {
    records: Records<S>,
    issuers: Arc<TrustedIssuers>,
    users: Arc<Users<S>>,
    lockouts: Arc<Lockouts<S>>,
}

impl<S> People<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        issuers: Arc<TrustedIssuers>,
        users: Arc<Users<S>>,
        lockouts: Arc<Lockouts<S>>,
    ) -> Self {
        Self { records, issuers, users, lockouts }
    }
}

impl<S: Store> People<S> {
    /// The user whom an ID token is for: the one that lists its issuer and subject, or a new one. The
    /// token is used up by it, and attributes and permissions follow its claims.
    ///
    /// # Errors
    /// `InvalidGrant` for an ID token that is not good, one that was shown before, a user who is disabled,
    /// and somebody who has no user and gets none; `Unavailable` where that cannot be known.
    pub(in crate::service) async fn vouched_user(
        &self,
        client: &Client,
        id_token: &Secret,
        concerned: &mut AuditSubject,
    ) -> Result<Vouched, Error> {
        if id_token.is_empty() {
            return Err(Error::missing("assertion"));
        }
        let proven = self.issuers.verify_person(id_token, &client.id, self.records.now()).await?;
        let ProvenPerson { person, token } = proven;
        let user = self.user_of(&person, token, concerned).await?;
        concerned.user(user.id);
        // Of a change that came between, the record speaks that was written or read last.
        refuse_disabled(&user)?;
        if user.identities.contains(&person.identity) {
            Ok(Vouched { user, expire_time: person.expire_time })
        } else {
            Err(Error::InvalidGrant(Cause::UnknownUser))
        }
    }

    /// Finds or creates the user of a person, and uses the token up: after everything for which the person
    /// is refused, and before anything is written for them.
    async fn user_of(
        &self,
        person: &Person,
        token: AssertionId,
        concerned: &mut AuditSubject,
    ) -> Result<Stored<User>, Error> {
        let mut is_used = false;
        for _ in 0..MOST_TRIES {
            if let Some(user) = self.linked_user(&person.identity).await? {
                concerned.user(user.id);
                refuse_disabled(&user)?;
                attributes(person, &user)?;
                if !is_used {
                    self.use_up(token, person).await?;
                }
                return self.follow_claims(&user, person).await;
            }
            let name = self.name_for(person).await;
            if name == Err(NAME_TAKEN) && self.linked_user(&person.identity).await?.is_some() {
                continue;
            }
            let name = name?;
            if !is_used {
                self.use_up(token, person).await?;
                is_used = true;
            }
            match self.welcome(name, person).await {
                // Another first login writes the name at this moment: perhaps the same person's.
                Err(Error::AlreadyExists(_)) => sleep(LOOK_AGAIN).await,
                done => return done,
            }
        }
        Err(Error::Conflict)
    }

    /// The user that lists an identity. Two who do are none.
    async fn linked_user(&self, identity: &UserIdentity) -> Result<Option<Stored<User>>, Error> {
        let mut users = self.records.read(self.records.store.users_by_identity(identity)).await?;
        if let [one, other, ..] = &users[..] {
            tracing::error!(issuer = %identity.issuer, %one.id, %other.id, "two users list an identity");
            return Err(Error::InvalidGrant(Cause::WrongIdentity));
        }
        Ok(users.pop())
    }

    /// Takes the ID token, if no request before has shown it.
    async fn use_up(&self, id: AssertionId, person: &Person) -> Result<(), Error> {
        let used = UsedAssertion { id, expire_time: person.expire_time };
        match self.records.store.assertions().write(Write::Insert(used)).await {
            Ok(_) => Ok(()),
            Err(WriteError::Conflict) => Err(Error::InvalidGrant(Cause::ReplayedAssertion)),
            Err(error) => Err(self.records.write_failed(error)),
        }
    }

    /// The user with the attributes and permissions of this login. Nothing is written where they are the
    /// same.
    async fn follow_claims(&self, user: &User, person: &Person) -> Result<Stored<User>, Error> {
        let next = |user: &User| {
            // Attributes that cannot be kept were refused before.
            let attributes = attributes(person, user).ok();
            let patch = UserPatch { attributes, ..UserPatch::default() };
            let mut next = user.clone();
            if user.identities.contains(&person.identity) {
                next.vouched = person.vouched_after(user.vouched.as_ref());
            }
            let changed = next.vouched != user.vouched;
            let mut next = next.edited(&patch, &*self.records.entropy, self.records.now());
            if changed {
                next.update_time = self.records.now();
            }
            next
        };
        let changed = self.users.change_user(user.id, None, next).await;
        if let Err(Error::NotFound(_)) = changed {
            return Err(Error::InvalidGrant(Cause::DeletedUser));
        }
        changed
    }

    /// The name for a new user: never one that somebody has.
    async fn name_for(&self, person: &Person) -> Result<UserName, Error> {
        if !person.create {
            return Err(Error::InvalidGrant(Cause::UnknownUser));
        }
        let typed = TypedName::new(person.name.as_deref().ok_or(UNUSABLE)?);
        let name = typed.name().map_err(|_| UNUSABLE)?.clone();
        match self.users.name_is_free(&typed, None).await {
            Err(Error::AlreadyExists(_)) => Err(NAME_TAKEN),
            Ok(()) => Ok(name),
            Err(error) => Err(error),
        }
    }

    /// Creates the user of a person who logs in for the first time.
    ///
    /// # Errors
    /// `AlreadyExists` when the name was taken meanwhile.
    async fn welcome(&self, name: UserName, person: &Person) -> Result<Stored<User>, Error> {
        // Failures of a name that nobody had are no failures of this user's.
        self.lockouts.reset_failures(&name, None).await?;
        let blank =
            User::new(name, PasswordHash::none(), &*self.records.entropy, self.records.now());
        let attributes = attributes(person, &blank)?;
        let user = User {
            identities: vec![person.identity.clone()],
            vouched: person.vouched_after(None),
            attributes,
            ..blank
        };
        let user = self.records.insert(self.records.store.users(), user, "user").await?;
        let issuer = &person.identity.issuer;
        tracing::info!(user_id = %user.id, %issuer, "a user was created at the first login");
        Ok(user)
    }
}

fn attributes(person: &Person, user: &User) -> Result<Attributes, Error> {
    person.attributes_after(&user.attributes).map_err(|_| UNUSABLE)
}

fn refuse_disabled(user: &User) -> Result<(), Error> {
    if user.disabled { Err(Error::InvalidGrant(Cause::DisabledUser)) } else { Ok(()) }
}
