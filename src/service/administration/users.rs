//! Administers users: creates, shows, lists, changes, disables and deletes them.

use std::{fmt::Display, sync::Arc};

use super::{
    lockouts::Lockouts,
    new_password::{check_new_password, prepared},
    page,
};
use crate::{
    domain::{
        error::Error,
        invalid::Invalid,
        page_token::ListId,
        password_rules::PasswordRules,
        secret::Secret,
        subject::UserId,
        user::{PasswordHash, User},
        user_name::{TypedName, UserName},
        user_patch::{OldGrants, UserPatch},
    },
    service::{Admin, Page, PageRequest, hashing::hash_pool::HashPool, records::Records},
    store::{Store, Stored, Version, Write, race::race},
};

/// Request of [`Users::create_user`].
#[derive(Clone, Debug)]
pub struct CreateUser {
    /// The login name.
    pub name: TypedName,
    /// The other fields.
    pub patch: UserPatch,
    /// As it was typed; `None` for a user who logs in with ID tokens alone.
    pub password: Option<Secret>,
}

/// Key of a user.
#[derive(Clone, Debug)]
pub enum UserKey {
    /// By id.
    Id(UserId),
    /// By login name.
    Name(TypedName),
}

/// Request of [`Users::update_user`].
#[derive(Clone, Debug)]
pub struct UpdateUser {
    /// The user.
    pub id: UserId,
    /// The new login name, if it is to change.
    pub name: Option<TypedName>,
    /// The other fields to change.
    pub patch: UserPatch,
    /// The state that is to be changed, when it may be no other.
    pub expected: Option<Version>,
}

/// Filter of a list of users.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Those whose login name begins with one of the readings of this.
    pub name_prefix: Option<TypedName>,
    /// Those who are disabled.
    pub disabled_only: bool,
}

impl UserFilter {
    fn list(&self) -> ListId {
        let disabled = if self.disabled_only { "1" } else { "" };
        let prefixes = self.name_prefix.iter().flat_map(TypedName::readings);
        ListId::new("users", &prefixes.map(UserName::as_str).chain([disabled]).collect::<Vec<_>>())
    }

    fn keeps(&self, user: &User) -> bool {
        let begins = |prefix: &UserName| user.name.as_str().starts_with(prefix.as_str());
        let named = self.name_prefix.as_ref().is_none_or(|name| name.readings().any(begins));
        named && (user.disabled || !self.disabled_only)
    }
}

/// Administration of users.
pub struct Users<S> {
    records: Records<S>,
    hashes: Arc<HashPool>,
    /// Rules for new passwords.
    rules: PasswordRules,
    lockouts: Arc<Lockouts<S>>,
}

impl<S> Users<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        hashes: Arc<HashPool>,
        rules: PasswordRules,
        lockouts: Arc<Lockouts<S>>,
    ) -> Self {
        Self { records, hashes, rules, lockouts }
    }
}

impl<S: Store> Users<S> {
    /// Creates a user, for whom failed logins of that name do not count. Answers once that is durable.
    ///
    /// # Errors
    /// `AlreadyExists` when the name or an identity is taken; `InvalidRequest` for a name or a password that is none;
    /// `Overloaded`, `Unavailable`.
    pub async fn create_user(
        &self,
        admin: &Admin,
        request: CreateUser,
    ) -> Result<Stored<User>, Error> {
        let created = self.insert_user(admin, request).await;
        // Unknown names are not written: people type passwords where names go.
        let id = created.as_ref().ok().map(|user| user.id);
        admin.noted("create user", id.as_ref().map(|id| id as &dyn Display), created)
    }

    async fn insert_user(&self, admin: &Admin, request: CreateUser) -> Result<Stored<User>, Error> {
        let name = new_name(&request.name)?;
        // Before the password costs a hash.
        self.name_is_free(&request.name, None).await?;
        self.identities_are_free(&request.patch, None).await?;
        let password = match &request.password {
            Some(password) => self.hash_new_password(admin, &name, password).await?,
            None => PasswordHash::none(),
        };
        // Failures of a name that nobody had are no failures of this user's.
        self.lockouts.reset_failures(&name, None).await?;
        let now = self.records.now();
        let blank = User::new(name, password, &*self.records.entropy, now);
        let user = blank.edited(&request.patch, &*self.records.entropy, now);
        self.records.insert(self.records.store.users(), user, "user").await
    }

    /// A user.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn get_user(&self, _: &Admin, key: &UserKey) -> Result<Stored<User>, Error> {
        match key {
            UserKey::Id(id) => self.existing_user(*id).await,
            UserKey::Name(name) => {
                self.records.user_named(name).await?.ok_or(Error::NotFound("user"))
            }
        }
    }

    /// A page of the users, in no particular order.
    ///
    /// # Errors
    /// `InvalidRequest` for a token of another list, `Unavailable`.
    pub async fn list_users(
        &self,
        _: &Admin,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<Stored<User>>, Error> {
        let wanted = |user: &User| filter.keeps(user);
        let failed = |error| self.records.read_failed(error);
        page::records(self.records.store.users(), filter.list(), request, wanted, failed).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// `NotFound`; `Changed` when the user is in another state than expected; `AlreadyExists` when
    /// a new name is taken; `InvalidRequest` for one that is none; `Overloaded`, `Conflict`,
    /// `Unavailable`.
    pub async fn update_user(
        &self,
        admin: &Admin,
        request: &UpdateUser,
    ) -> Result<Stored<User>, Error> {
        let changed = self.edit_user(request).await;
        admin.noted("update user", Some(&request.id), changed)
    }

    async fn edit_user(&self, request: &UpdateUser) -> Result<Stored<User>, Error> {
        let mut patch = request.patch.clone();
        self.identities_are_free(&patch, Some(request.id)).await?;
        if let Some(name) = &request.name {
            patch.name = Some(new_name(name)?);
            self.name_is_free(name, Some(request.id)).await?;
        }
        if let Some(Ok(name)) = request.name.as_ref().map(TypedName::name)
            && self.existing_user(request.id).await?.name != *name
        {
            self.lockouts.reset_failures(name, None).await?;
        }
        self.patch_user(request.id, request.expected, &patch).await
    }

    /// Sets a user's password, and lifts the lockouts of the user's name.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` for a password that is none; `Overloaded`, `Conflict`,
    /// `Unavailable`: then the old password and the grants may still be good.
    pub async fn set_user_password(
        &self,
        admin: &Admin,
        id: UserId,
        password: &Secret,
        grants: OldGrants,
    ) -> Result<Stored<User>, Error> {
        let changed = self.replace_password(admin, id, password, grants).await;
        admin.noted("set user password", Some(&id), changed)
    }

    async fn replace_password(
        &self,
        admin: &Admin,
        id: UserId,
        password: &Secret,
        grants: OldGrants,
    ) -> Result<Stored<User>, Error> {
        // Before the password costs a hash.
        let name = self.existing_user(id).await?.name.clone();
        let hash = self.hash_new_password(admin, &name, password).await?;
        let next = |user: &User| {
            user.with_password(hash.clone(), grants, &*self.records.entropy, self.records.now())
        };
        let changed = self.change_user(id, None, next).await?;
        // After the write: who guessed meanwhile guessed at the old one.
        self.lockouts.reset_failures(&changed.name, None).await?;
        Ok(changed)
    }

    /// Disables a user, which ends every grant of theirs by this one write.
    ///
    /// # Errors
    /// `NotFound`, `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn disable_user(&self, admin: &Admin, id: UserId) -> Result<Stored<User>, Error> {
        let changed = self.patch_user(id, None, &UserPatch::disabled(true)).await;
        admin.noted("disable user", Some(&id), changed)
    }

    /// Enables a user again, and lifts the lockouts of the user's name. Ended grants stay ended.
    ///
    /// # Errors
    /// `NotFound`, `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn enable_user(&self, admin: &Admin, id: UserId) -> Result<Stored<User>, Error> {
        let enabled = self.let_in(id).await;
        admin.noted("enable user", Some(&id), enabled)
    }

    async fn let_in(&self, id: UserId) -> Result<Stored<User>, Error> {
        let enabled = self.patch_user(id, None, &UserPatch::disabled(false)).await?;
        self.lockouts.reset_failures(&enabled.name, None).await?;
        Ok(enabled)
    }

    /// Deletes a user; their grants are dead with them.
    ///
    /// # Errors
    /// `NotFound`, `Overloaded`, `Conflict`, `Unavailable`.
    pub async fn delete_user(&self, admin: &Admin, id: UserId) -> Result<(), Error> {
        let deleted = race(async || {
            let found = self.existing_user(id).await?;
            let delete = Write::Delete(found.version(), id);
            Ok(self.records.win(self.records.store.users(), delete).await?.map(drop))
        })
        .await;
        admin.noted("delete user", Some(&id), deleted)
    }

    async fn existing_user(&self, id: UserId) -> Result<Stored<User>, Error> {
        self.records.user(id).await?.ok_or(Error::NotFound("user"))
    }

    /// # Errors
    /// `AlreadyExists` when somebody else than `owner` has the name.
    pub(in crate::service) async fn name_is_free(
        &self,
        name: &TypedName,
        owner: Option<UserId>,
    ) -> Result<(), Error> {
        match self.records.user_named(name).await? {
            Some(user) if Some(user.id) != owner => Err(Error::AlreadyExists("user")),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that nobody else than `owner` has one of the identities of a patch. Two writes at the same
    /// time may pass: then the identity logs nobody in.
    ///
    /// # Errors
    /// `AlreadyExists`.
    async fn identities_are_free(
        &self,
        patch: &UserPatch,
        owner: Option<UserId>,
    ) -> Result<(), Error> {
        for identity in patch.identities.iter().flatten() {
            let holders = self.records.read(self.records.store.users_by_identity(identity)).await?;
            if holders.iter().any(|holder| Some(holder.id) != owner) {
                return Err(Error::AlreadyExists("identity"));
            }
        }
        Ok(())
    }

    async fn hash_new_password(
        &self,
        admin: &Admin,
        name: &UserName,
        password: &Secret,
    ) -> Result<PasswordHash, Error> {
        check_new_password(self.rules, name, password)?;
        let password = prepared("password", password)?;
        Ok(PasswordHash(self.hashes.hash_for(admin.account(), password).await?))
    }

    async fn patch_user(
        &self,
        id: UserId,
        expected: Option<Version>,
        patch: &UserPatch,
    ) -> Result<Stored<User>, Error> {
        let next = |user: &User| user.edited(patch, &*self.records.entropy, self.records.now());
        self.change_user(id, expected, next).await
    }

    /// Puts what `change` makes of a user in their place; nothing is written where that is the same.
    pub(in crate::service) async fn change_user(
        &self,
        id: UserId,
        expected: Option<Version>,
        change: impl Fn(&User) -> User,
    ) -> Result<Stored<User>, Error> {
        race(async || {
            let found = self.existing_user(id).await?;
            if expected.is_some_and(|expected| expected != found.version()) {
                return Err(Error::Changed);
            }
            let next = change(&found);
            if next == *found {
                return Ok(Some(found));
            }
            // A name that is taken is a conflict like any other to the store.
            if next.name != found.name {
                let name = TypedName::new(next.name.as_str());
                self.name_is_free(&name, Some(id)).await?;
            }
            self.records.put(self.records.store.users(), &found, next).await
        })
        .await
    }
}

/// # Errors
/// `InvalidRequest` for a name that nobody may be given.
fn new_name(name: &TypedName) -> Result<UserName, Error> {
    let refused = |Invalid(problem)| Error::InvalidRequest { field: "user.username", problem };
    name.name().cloned().map_err(refused)
}
