//! Administers clients: creates, shows, lists, changes and deletes them.

use std::{fmt::Display, sync::Arc};

use super::{
    administrators::{Administrators, Leaving},
    new_secret::{NewClientSecret, SecretMaker},
    page,
};
use crate::{
    domain::{
        client::{Client, ClientType, Permissions},
        client_id::ClientId,
        client_patch::ClientPatch,
        client_rules::BrokenRule,
        error::Error,
        page_token::ListId,
        secret::Secret,
        secret_rotation::NewSecret,
        signing_times::JwtLife,
    },
    service::{Admin, NoAdministrator, Page, PageRequest, records::Records},
    store::{Store, Stored, Version, Write, race::race},
};

/// Request of [`Clients::create_client`].
#[derive(Clone, Debug)]
pub struct CreateClient {
    /// Its name.
    pub id: ClientId,
    /// Its type, and its secret.
    pub secret: NewCredentials,
    /// Differences from a client without any rights.
    pub patch: ClientPatch,
}

/// Type of a client that is made, with the secret that it gets.
#[derive(Clone, Debug)]
pub enum NewCredentials {
    /// A confidential client with this secret.
    Secret(NewClientSecret),
    /// A confidential client without a secret, which the patch gives something else to authenticate by.
    NoSecret,
    /// A public client.
    Public,
}

/// Request of [`Clients::update_client`].
#[derive(Clone, Debug)]
pub struct UpdateClient {
    /// Its name.
    pub id: ClientId,
    /// The fields to change.
    pub patch: ClientPatch,
    /// The state that is to be changed, when it may be no other.
    pub expected: Option<Version>,
    /// Permission to remove the last administrator.
    pub no_administrator: NoAdministrator,
}

/// Filter of a list of clients.
#[derive(Clone, Debug, Default)]
pub struct ClientFilter {
    /// Those whose id begins with this.
    pub id_prefix: String,
    /// Those that have all of these permissions.
    pub permissions: Permissions,
    /// Those that are disabled.
    pub disabled_only: bool,
}

impl ClientFilter {
    fn list(&self) -> ListId {
        let disabled = if self.disabled_only { "1" } else { "" };
        let mut filters = vec![self.id_prefix.as_str(), disabled];
        for permission in self.permissions.iter() {
            filters.push(permission.name());
        }
        ListId::new("clients", &filters)
    }

    fn keeps(&self, client: &Client) -> bool {
        client.id.as_str().starts_with(&self.id_prefix)
            && client.permissions.hold_all(self.permissions)
            && (client.disabled || !self.disabled_only)
    }
}

/// Administration of clients.
pub struct Clients<S> {
    pub(super) records: Records<S>,
    pub(super) secrets: SecretMaker,
    /// The longest life of a signed token.
    jwt_life: JwtLife,
    pub(super) administrators: Arc<Administrators<S>>,
}

impl<S> Clients<S> {
    pub(in crate::service) const fn new(
        records: Records<S>,
        secrets: SecretMaker,
        jwt_life: JwtLife,
        administrators: Arc<Administrators<S>>,
    ) -> Self {
        Self { records, secrets, jwt_life, administrators }
    }
}

impl<S: Store> Clients<S> {
    /// Registers a client. Answers, once that is durable, the client and the secret that was
    /// generated for it, if one was.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidRequest` when the fields do not fit together; `TooWeak` for a
    /// chosen secret; `Overloaded`, `Unavailable`.
    pub async fn create_client(
        &self,
        admin: &Admin,
        request: CreateClient,
    ) -> Result<(Stored<Client>, Option<Secret>), Error> {
        let created = self.insert_client(admin, request).await;
        let id = created.as_ref().ok().map(|(client, _)| client.id.clone());
        admin.noted("create client", id.as_ref().map(|id| id as &dyn Display), created)
    }

    async fn insert_client(
        &self,
        admin: &Admin,
        request: CreateClient,
    ) -> Result<(Stored<Client>, Option<Secret>), Error> {
        let (client, shown) = self.new_client(admin, request).await?;
        Ok((self.records.insert(self.records.store.clients(), client, "client").await?, shown))
    }

    /// Checks [`Self::create_client`] without a change.
    ///
    /// # Errors
    /// As there.
    pub async fn check_client(&self, admin: &Admin, request: CreateClient) -> Result<(), Error> {
        self.new_client(admin, request).await.map(drop)
    }

    /// The client that is asked for, and its secret, if it was generated.
    async fn new_client(
        &self,
        admin: &Admin,
        request: CreateClient,
    ) -> Result<(Client, Option<Secret>), Error> {
        let client_type = match request.secret {
            NewCredentials::Secret(_) | NewCredentials::NoSecret => ClientType::Confidential,
            NewCredentials::Public => ClientType::Public,
        };
        // Before a chosen secret costs a hash.
        if self.records.client(&request.id).await?.is_some() {
            return Err(Error::AlreadyExists("client"));
        }
        let now = self.records.now();
        let entropy = &*self.records.entropy;
        let blank = Client::new(request.id, client_type, entropy, now);
        let mut client = blank.edited(&request.patch, self.jwt_life, entropy, now)?;
        let mut shown = None;
        if let NewCredentials::Secret(secret) = request.secret {
            let ttl = secret.ttl;
            let (stored, generated) =
                self.secrets.make_secret(admin, &client.id, secret.chosen).await?;
            let new = NewSecret { stored, ttl, previous_ttl: secret.previous_ttl, mark: None };
            client = client.with_secret(new, now)?;
            shown = generated;
        } else if client_type == ClientType::Confidential && !client.has_credentials() {
            return Err(BrokenRule::NoCredentials.into());
        }
        Ok((client, shown))
    }

    /// A client.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn get_client(&self, _: &Admin, id: &ClientId) -> Result<Stored<Client>, Error> {
        self.existing_client(id).await
    }

    /// A page of the clients, in order of their ids.
    ///
    /// # Errors
    /// `InvalidRequest` for a token of another list, `Unavailable`.
    pub async fn list_clients(
        &self,
        _: &Admin,
        filter: &ClientFilter,
        request: &PageRequest,
    ) -> Result<Page<Stored<Client>>, Error> {
        let wanted = |client: &Client| filter.keeps(client);
        let failed = |error| self.records.read_failed(error);
        page::records(self.records.store.clients(), filter.list(), request, wanted, failed).await
    }

    /// Changes a client. Disabling it ends every grant of it by this one write.
    ///
    /// # Errors
    /// `NotFound`; `Changed` when it is in another state than expected; `InvalidRequest` when the
    /// fields do not fit together, and for the last administrator, unless it may go; `Overloaded`,
    /// `Conflict`, `Unavailable`.
    pub async fn update_client(
        &self,
        admin: &Admin,
        request: &UpdateClient,
    ) -> Result<Stored<Client>, Error> {
        let edit = |client: &Client| {
            let (entropy, now) = (&*self.records.entropy, self.records.now());
            client.edited(&request.patch, self.jwt_life, entropy, now)
        };
        let (expected, may_be_none) = (request.expected, request.no_administrator);
        let changed = self.change_client(&request.id, expected, may_be_none, edit).await;
        admin.noted("update client", Some(&request.id), changed)
    }

    /// Deletes a client; its grants are dead with it.
    ///
    /// # Errors
    /// `NotFound`; `InvalidRequest` for the last administrator, unless it may go; `Overloaded`,
    /// `Conflict`, `Unavailable`.
    pub async fn delete_client(
        &self,
        admin: &Admin,
        id: &ClientId,
        may_be_none: NoAdministrator,
    ) -> Result<(), Error> {
        let deleted = race(async || {
            let found = self.existing_client(id).await?;
            let leaving = Leaving { before: &found, after: None, may_be_none };
            if !self.administrators.keep_administrator(leaving).await? {
                return Ok(None);
            }
            let write = Write::Delete(found.version(), id.clone());
            let won = self.records.win(self.records.store.clients(), write).await?;
            Ok(won.map(drop))
        })
        .await;
        admin.noted("delete client", Some(id), deleted)
    }

    pub(in crate::service) async fn existing_client(
        &self,
        id: &ClientId,
    ) -> Result<Stored<Client>, Error> {
        self.records.client(id).await?.ok_or(Error::NotFound("client"))
    }

    /// Puts what `change` makes of a client in its place; nothing is written where that is the same, or
    /// where it would take the last administrator away and may not.
    pub(in crate::service) async fn change_client(
        &self,
        id: &ClientId,
        expected: Option<Version>,
        may_be_none: NoAdministrator,
        change: impl Fn(&Client) -> Result<Client, Error>,
    ) -> Result<Stored<Client>, Error> {
        race(async || {
            let found = self.existing_client(id).await?;
            if expected.is_some_and(|expected| expected != found.version()) {
                return Err(Error::Changed);
            }
            let next = change(&found)?;
            if next == *found {
                return Ok(Some(found));
            }
            let leaving = Leaving { before: &found, after: Some(&next), may_be_none };
            if !self.administrators.keep_administrator(leaving).await? {
                return Ok(None);
            }
            self.records.put(self.records.store.clients(), &found, next).await
        })
        .await
    }
}
