//! Authenticates callers: by secret, by name alone for public clients, by our own access tokens.

use std::net::IpAddr;

use super::client_check::{Found, Presented, Turn};
use crate::{
    domain::{
        cause::Cause,
        client::{Client, ClientType},
        client_id::ClientId,
        client_secret::{SecretHash, StoredSecret, is_generated},
        confirmation::{PeerCertificate, may_show},
        error::Error,
        judge::judge,
        presented_token::PresentedToken,
        secret::Secret,
        subject::Subject,
        time::Timestamp,
        token::TokenKind,
    },
    service::{
        Caller, Credentials, IdAndSecret, Service,
        caller::ShownBearer,
        hashing::{rehash::Shown, verified::Claim},
        holder::Holder,
        token_records::TokenRecords,
    },
    store::{Records as _, Store, Stored},
};

impl<S: Store> Service<S> {
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
            Credentials::Secret(readings) => self.by_secret(readings).await,
            Credentials::Certificate { identities, client_ids } => {
                self.certified_or_public(identities, client_ids).await
            }
            Credentials::Assertion(shown) => self.by_assertion(shown).await,
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

    /// As [`Self::authenticate_caller`], and no request of the client's: for a call that goes on.
    ///
    /// # Errors
    /// As there, save for the request limit.
    pub(in crate::service) async fn identify(
        &self,
        credentials: &Credentials,
    ) -> Result<Caller, Error> {
        // Order matters: before the caller's own record, which decides what the caller may see.
        let position = self.store.position();
        let caller = match credentials {
            Credentials::Nothing => Err(Error::InvalidClient(Cause::NoCredentials)),
            Credentials::ClientId(_) => Err(Error::InvalidClient(Cause::MissingSecret)),
            Credentials::Secret(readings) => self.by_secret(readings).await,
            Credentials::Certificate { identities, client_ids } => {
                self.certified(identities, client_ids).await
            }
            Credentials::Assertion(shown) => self.by_assertion(shown).await,
            Credentials::Bearer(shown) => self.bearer(shown).await,
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
        let position = self.store.position();
        let good =
            |client: &Client| !client.disabled && client.client_type == ClientType::Confidential;
        let client = self.client_that(id, good).await?.ok_or(UNKNOWN)?;
        self.budgets.spend(&client)?;
        Ok(Caller::new(client).read_at(position))
    }

    /// The client whose secret is right in one of the readings.
    async fn by_secret(&self, readings: &[IdAndSecret]) -> Result<Caller, Error> {
        // Of a chosen secret each wrong reading costs a hash.
        if let Some(caller) = readings.iter().find_map(|reading| self.remembered(reading)) {
            return Ok(caller);
        }
        let mut refusal = UNKNOWN;
        for reading in readings {
            if reading.secret.has_line_break() {
                let problem = "must not hold line breaks";
                refusal = Error::InvalidRequest { field: "client_secret", problem };
                continue;
            }
            match self.confidential_client(reading).await {
                Err(Error::InvalidClient(_)) if refusal != UNKNOWN => {}
                Err(error @ Error::InvalidClient(_)) => refusal = error,
                answer => return answer,
            }
        }
        Err(refusal)
    }

    /// The client whose chosen secret was verified lately, as far as memory knows.
    fn remembered(&self, reading: &IdAndSecret) -> Option<Caller> {
        let id = ClientId::parse(&reading.client_id).ok()?;
        let client = self.store.clients().cached(&id).filter(|client| !client.disabled)?;
        let hashes = client.chosen_hashes(self.now());
        let claim = Claim { client_id: id.as_str(), hashes: &hashes, secret: &reading.secret };
        let known = !hashes.is_empty() && self.is_known(claim, reading.address);
        known.then(|| Caller::new(client))
    }

    /// Returns whether the secret was right at this address, or elsewhere while nobody guesses
    /// here: if somebody does, a right one that has not been shown here may be a guess.
    fn is_known(&self, claim: Claim<'_>, address: Option<IpAddr>) -> bool {
        let there = self.verified.proof_at(Holder::address(address), claim);
        if self.verified.was_right_there(&there) {
            return true;
        }
        let known = self.verified.recall(&self.verified.proof(claim)) == Some(true)
            && !self.client_checks.slows(claim.client_id, address);
        if known {
            self.verified.remember_there(there);
        }
        known
    }

    pub(in crate::service) async fn public_client(
        &self,
        client_ids: &[String],
    ) -> Result<Option<Caller>, Error> {
        let good = |client: &Client| !client.disabled && client.client_type == ClientType::Public;
        for client_id in client_ids.iter().filter_map(|id| ClientId::parse(id).ok()) {
            if let Some(client) = self.client_that(&client_id, good).await? {
                return Ok(Some(Caller::new(client)));
            }
        }
        Ok(None)
    }

    /// Returns the error for a name without credentials.
    async fn not_public(&self, client_ids: &[String]) -> Result<Error, Error> {
        for client_id in client_ids.iter().filter_map(|id| ClientId::parse(id).ok()) {
            if let Some(client) = self.read(self.store.clients().get_stored(&client_id)).await? {
                let disabled = client.disabled;
                let cause = if disabled { Cause::DisabledClient } else { Cause::MissingSecret };
                return Ok(Error::InvalidClient(cause));
            }
        }
        Ok(UNKNOWN)
    }

    /// Returns the client, if it is `good`. The cache can be behind the writes of another process:
    /// it suffices for "yes", and for "no" the store is read, whether or not there is such a client.
    pub(in crate::service) async fn client_that(
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

    async fn confidential_client(&self, shown: &IdAndSecret) -> Result<Caller, Error> {
        if shown.secret.is_too_long() {
            return Err(Error::InvalidClient(Cause::WrongSecret));
        }
        let id = ClientId::parse(&shown.client_id).ok();
        let kept = id.as_ref().and_then(|id| self.store.clients().cached(id));
        if let Some(kept) = &kept
            && self.holds(shown, Some(kept)).await?
        {
            return Ok(Caller::new(kept.clone()));
        }
        let current = match &id {
            Some(id) => self.store.clients().get_stored(id).await,
            None => Ok(None),
        };
        let current = current.map_err(|error| self.read_failed(error))?;
        // Another process may have rotated the secret, or enabled the client, since it was read.
        let version = |client: &Option<Stored<Client>>| client.as_ref().map(Stored::version);
        let known = kept.is_some() && version(&kept) == version(&current);
        let matches = !known && self.holds(shown, current.as_ref()).await?;
        match current {
            Some(client) if matches => Ok(Caller::new(client)),
            client => Err(not_held(client.as_deref(), &shown.secret, self.now())),
        }
    }

    /// Returns whether the client is enabled and the secret is one of its live ones. The form of
    /// the presented secret decides the cost of the check, for unknown clients too: the time
    /// reveals nothing.
    async fn holds(
        &self,
        shown: &IdAndSecret,
        client: Option<&Stored<Client>>,
    ) -> Result<bool, Error> {
        let client = client.filter(|client| !client.disabled);
        let secret = &shown.secret;
        if is_generated(secret) {
            return Ok(client.is_some_and(|client| client.holds_generated(secret, self.now())));
        }
        self.holds_chosen(shown, client).await
    }

    async fn holds_chosen(
        &self,
        IdAndSecret { client_id, secret, address }: &IdAndSecret,
        client: Option<&Stored<Client>>,
    ) -> Result<bool, Error> {
        let hashes = client.map(|client| client.chosen_hashes(self.now())).unwrap_or_default();
        let claim = Claim { client_id, hashes: &hashes, secret };
        let proof = self.verified.proof(claim);
        let known = || self.verified.recall(&proof);
        if known() == Some(false) {
            return Ok(false);
        }
        if self.is_known(claim, *address) {
            return Ok(true);
        }
        let there = self.verified.proof_at(Holder::address(*address), claim);
        let presented = Presented { client_id, address: *address, proof: there };
        let check = match self.client_checks.turn(presented, known).await {
            Ok(Turn::Check(check)) => check,
            Ok(Turn::Known(right)) => {
                if right {
                    self.verified.remember_there(there);
                }
                return Ok(right);
            }
            Err(error) => {
                let throttled = matches!(error, Error::RateLimited { .. });
                self.metrics.over_guesses.inc_by(throttled.into());
                return Err(error);
            }
        };
        let found = check.find(secret, &hashes).await?;
        let right = found.is_some();
        self.verified.remember(proof, right);
        if right {
            self.verified.remember_there(there);
        }
        if let (Some(client), Some(Found { phc, reading })) = (client, found) {
            self.renew_secret(client, phc, Shown { secret: secret.clone(), reading });
        }
        Ok(right)
    }

    async fn bearer(&self, shown: &ShownBearer) -> Result<Caller, Error> {
        let token = self.presented(&shown.token).ok_or(Error::InvalidToken(Cause::Garbage))?;
        if token.kind() != TokenKind::Access {
            return Err(Error::InvalidToken(Cause::WrongKind));
        }
        let kept = self.cached_records(&token, None);
        let certificate = shown.certificate.as_ref();
        if let Some(Ok(caller)) = kept.map(|kept| self.holder(&token, kept, certificate)) {
            return Ok(caller);
        }
        match self.token_records(&token).await? {
            Some(held) => self.holder(&token, held, certificate).map_err(Error::InvalidToken),
            None => Err(Error::InvalidToken(self.why_unknown(&token).await?)),
        }
    }

    /// Returns the holder of `token`, if it is active, its client got it for itself and for jeton,
    /// and may still get such a token. Of a bound token the connection must show the certificate. A user's token, which goes to other services, gives no
    /// access.
    ///
    /// # Errors
    /// The cause for which it is refused.
    fn holder(
        &self,
        token: &PresentedToken,
        held: TokenRecords,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Caller, Cause> {
        let now = self.now();
        let active = judge(&held.grant, token, held.parties(now), &self.policy, now);
        let active = active.map_err(|reason| reason.cause(&held.grant, held.parties(now)))?;
        if held.grant.subject != Subject::Client {
            return Err(Cause::UsersToken);
        }
        if !may_show(held.grant.confirmation_of(token.generation()), certificate) {
            return Err(Cause::WrongHolder);
        }
        let named = active.audience.names_jeton();
        let client = held.client.filter(|client| named && client.may_call_by_token());
        let client = client.ok_or(Cause::NotForJeton)?;
        self.last_used.note(&held.grant, now);
        Ok(Caller::new(client))
    }
}

const UNKNOWN: Error = Error::InvalidClient(Cause::UnknownClient);

/// Returns the error for a `secret` that does not match. An expired chosen secret is recognised
/// only if no other is live: the search costs a hash.
fn not_held(client: Option<&Client>, secret: &Secret, now: Timestamp) -> Error {
    let Some(client) = client else { return UNKNOWN };
    let expired = || {
        let presented = is_generated(secret).then(|| SecretHash::of(secret));
        let ended = client.secrets.iter().filter(|held| !held.is_live(now));
        let mut ended = ended.map(|held| &held.stored);
        let none_is_live = !client.secrets.iter().any(|held| held.is_live(now));
        none_is_live
            || ended.any(|stored| match stored {
                StoredSecret::Generated(hash) => Some(hash) == presented.as_ref(),
                StoredSecret::Chosen(_) => false,
            })
    };
    Error::InvalidClient(if client.disabled {
        Cause::DisabledClient
    } else if client.secrets.is_empty() {
        Cause::NoSecret
    } else if expired() {
        Cause::ExpiredSecret
    } else {
        Cause::WrongSecret
    })
}
