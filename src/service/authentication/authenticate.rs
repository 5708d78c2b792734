//! Authenticates callers: by secret, by name alone for public clients, by our own access tokens.

use std::sync::Arc;

use super::{
    assertions::Assertions, bearers::Bearers, listing::Listings, request_budget::RequestBudgets,
    secrets::SecretCheck,
};
use crate::{
    domain::{
        cause::Cause,
        certificate::CertificateIdentity,
        client::{Client, ClientType},
        client_id::ClientId,
        error::Error,
        grant::Origin,
        permission::Task,
    },
    service::{
        Caller, Credentials, administration::admin::Admin, audit::Audit, holder::Holder,
        records::Records, shares::Shares,
    },
    store::{Records as _, Store},
};

/// Calls under way that make or end tokens: as many as may wait for the store's committer.
const MOST_CALLS: usize = 4_096;

const UNKNOWN: Error = Error::InvalidClient(Cause::UnknownClient);

/// Authentication of callers, and the limits on their requests.
pub struct Authentication<S> {
    records: Records<S>,
    secrets: SecretCheck<S>,
    assertions: Assertions<S>,
    listings: Arc<Listings<S>>,
    bearers: Bearers<S>,
    audit: Arc<Audit<S>>,
    budgets: RequestBudgets,
    /// Places for calls that make or end tokens.
    calls: Arc<Shares>,
}

impl<S> Authentication<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        secrets: SecretCheck<S>,
        assertions: Assertions<S>,
        listings: Arc<Listings<S>>,
        bearers: Bearers<S>,
        audit: Arc<Audit<S>>,
        budgets: RequestBudgets,
    ) -> Self {
        Self {
            records,
            secrets,
            assertions,
            listings,
            bearers,
            audit,
            budgets,
            calls: Arc::new(Shares::new(MOST_CALLS)),
        }
    }
}

impl<S: Store> Authentication<S> {
    /// Authenticates a client that asks for tokens, or revokes them (RFC 6749 §2.3).
    ///
    /// # Errors
    /// `InvalidRequest` for a secret with a line break. `InvalidClient` unless it shows a live secret,
    /// a certificate or an assertion of an enabled client, or is a public one. Bearers are no client
    /// authentication. `RateLimited` beyond the client's request limit, and where too many of its
    /// secrets were wrong. `Overloaded`, also when too many calls of the client are under way;
    /// `Unavailable`.
    pub async fn authenticate_client(&self, credentials: &Credentials) -> Result<Caller, Error> {
        let caller = match credentials {
            Credentials::Nothing => Err(Error::InvalidClient(Cause::NoCredentials)),
            Credentials::Bearer(_) => Err(Error::InvalidClient(Cause::BearerNotAccepted)),
            Credentials::ClientId(client_ids) => match self.public_client(client_ids).await? {
                Some(caller) => Ok(caller),
                None => Err(self.not_public(client_ids).await?),
            },
            Credentials::Secret(readings) => self.secrets.by_secret(readings).await,
            Credentials::Certificate { identities, client_ids } => {
                self.certified_or_public(identities, client_ids).await
            }
            Credentials::Assertion(shown) => self.assertions.by_assertion(shown).await,
        }?;
        self.budgets.spend(caller.client())?;
        let place = self.calls.take(Holder::client(caller.id()));
        Ok(caller.in_place(place.ok_or(Error::OVERLOADED)?))
    }

    /// Authenticates a caller of an RPC that reads: a client by its secret, certificate or assertion, or the
    /// holder of an access token that its client got for itself and for jeton.
    ///
    /// # Errors
    /// `InvalidClient`, also for public clients: a name proves nothing. `InvalidToken` for a
    /// bearer that is not good, or good elsewhere only, or speaks for a user, or is bound to another certificate. `RateLimited` beyond
    /// the client's request limit, and where too many of its secrets were wrong. `Overloaded`,
    /// `Unavailable`.
    pub async fn authenticate_caller(&self, credentials: &Credentials) -> Result<Caller, Error> {
        let caller = self.identify(credentials).await?;
        self.budgets.spend(caller.client())?;
        Ok(caller)
    }

    /// Authenticates a caller of administration: as [`Self::authenticate_caller`] does, or a person whose
    /// access token is meant for jeton. Only administration takes such a token.
    ///
    /// # Errors
    /// As there. `InvalidToken` for the token of a user who has no permission now, and for one that is bound to
    /// another certificate.
    pub async fn authenticate_administrator(
        &self,
        credentials: &Credentials,
    ) -> Result<Caller, Error> {
        if let Credentials::Bearer(shown) = credentials
            && let Some(caller) = self.bearers.acting_person(shown).await?
        {
            self.budgets.spend(caller.client())?;
            return Ok(caller);
        }
        self.authenticate_caller(credentials).await
    }

    /// As [`Self::authenticate_caller`], and no request of the client's: for a call that goes on.
    ///
    /// # Errors
    /// As there, save for the request limit.
    pub(in crate::service) async fn identify(
        &self,
        credentials: &Credentials,
    ) -> Result<Caller, Error> {
        // Order matters: before the caller's own record, which decides what the caller may see.
        let position = self.records.store.position();
        let caller = match credentials {
            Credentials::Nothing => Err(Error::InvalidClient(Cause::NoCredentials)),
            Credentials::ClientId(_) => Err(Error::InvalidClient(Cause::MissingSecret)),
            Credentials::Secret(readings) => self.secrets.by_secret(readings).await,
            Credentials::Certificate { identities, client_ids } => {
                Box::pin(self.listings.certified(identities, client_ids)).await
            }
            Credentials::Assertion(shown) => Box::pin(self.assertions.by_assertion(shown)).await,
            Credentials::Bearer(shown) => self.bearers.bearer(shown).await,
        };
        caller.map(|caller| caller.read_at(position))
    }

    /// The caller of a listener that asks as one client, whose name the settings have: nothing that is
    /// sent there has a say in it.
    ///
    /// # Errors
    /// `InvalidClient` unless it is enabled and confidential. `RateLimited` beyond its request limit.
    /// `Unavailable`.
    pub(in crate::service) async fn named_by_settings(
        &self,
        id: &ClientId,
    ) -> Result<Caller, Error> {
        // Order matters: before the client's record, which says what may be seen.
        let position = self.records.store.position();
        let good =
            |client: &Client| !client.disabled && client.client_type == ClientType::Confidential;
        let client = self.records.client_that(id, good).await?.ok_or(UNKNOWN)?;
        self.budgets.spend(&client)?;
        Ok(Caller::new(client).read_at(position))
    }

    async fn public_client(&self, client_ids: &[String]) -> Result<Option<Caller>, Error> {
        let good = |client: &Client| !client.disabled && client.client_type == ClientType::Public;
        for client_id in client_ids.iter().filter_map(|id| ClientId::parse(id).ok()) {
            if let Some(client) = self.records.client_that(&client_id, good).await? {
                return Ok(Some(Caller::new(client)));
            }
        }
        Ok(None)
    }

    /// A public client authenticates by its name alone, with or without a certificate.
    async fn certified_or_public(
        &self,
        certificate: &[CertificateIdentity],
        named: &[String],
    ) -> Result<Caller, Error> {
        if let Ok(Some(public)) = self.public_client(named).await {
            return Ok(public);
        }
        self.listings.certified(certificate, named).await
    }

    /// Returns the error for a name without credentials.
    async fn not_public(&self, client_ids: &[String]) -> Result<Error, Error> {
        for client_id in client_ids.iter().filter_map(|id| ClientId::parse(id).ok()) {
            if let Some(client) =
                self.records.read(self.records.store.clients().get_stored(&client_id)).await?
            {
                let disabled = client.disabled;
                let cause = if disabled { Cause::DisabledClient } else { Cause::MissingSecret };
                return Ok(Error::InvalidClient(cause));
            }
        }
        Ok(UNKNOWN)
    }

    /// [`Self::authenticate_client`], with failures in the audit. `origin` is asked for then only.
    ///
    /// # Errors
    /// As there.
    pub async fn audited_client(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
    ) -> Result<Caller, Error> {
        let authenticated = self.authenticate_client(credentials).await;
        self.audit.audit_authentication(credentials, origin, authenticated).await
    }

    /// [`Self::authenticate_caller`], with failures in the audit. `origin` is asked for then only.
    ///
    /// # Errors
    /// As there.
    pub async fn audited_caller(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
    ) -> Result<Caller, Error> {
        let authenticated = self.authenticate_caller(credentials).await;
        self.audit.audit_authentication(credentials, origin, authenticated).await
    }

    /// [`Self::authenticate_administrator`], with failures in the audit. `origin` is asked for then only.
    ///
    /// # Errors
    /// As there.
    pub async fn audited_administrator(
        &self,
        credentials: &Credentials,
        origin: impl FnOnce() -> Origin + Send,
    ) -> Result<Caller, Error> {
        let authenticated = self.authenticate_administrator(credentials).await;
        self.audit.audit_authentication(credentials, origin, authenticated).await
    }

    /// Lets a caller do everything that there is in administration: see [`Self::authorize`].
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn authorize_admin(&self, caller: Caller, origin: Origin) -> Result<Admin, Error> {
        self.authorize(caller, origin, Task::Administer)
    }

    /// Lets a caller ask for a task: a confidential client or a person with a permission that allows it.
    /// `origin` is for the audit.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn authorize(&self, caller: Caller, origin: Origin, task: Task) -> Result<Admin, Error> {
        Admin::admit(caller, origin, task, self.audit.metrics())
    }
}
