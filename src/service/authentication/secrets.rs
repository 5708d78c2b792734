//! Authenticates clients by their secrets, generated and chosen ones.

use std::{net::IpAddr, sync::Arc};

use super::client_check::{ClientChecks, Found, Presented, Turn};
use crate::{
    domain::{
        cause::Cause,
        client::Client,
        client_id::ClientId,
        client_secret::{SecretHash, StoredSecret, is_generated},
        error::Error,
        secret::Secret,
        time::Timestamp,
    },
    service::{
        caller::{Caller, IdAndSecret},
        hashing::{
            rehash::{Rehash, Shown},
            verified::{Claim, VerifiedSecrets},
        },
        holder::Place,
        metrics::ServiceMetrics,
        records::Records,
    },
    store::{Records as _, Store, Stored},
};

const UNKNOWN: Error = Error::InvalidClient(Cause::UnknownClient);

/// Check of client secrets.
pub(in crate::service) struct SecretCheck<S> {
    records: Records<S>,
    checks: ClientChecks,
    verified: Arc<VerifiedSecrets>,
    rehash: Arc<Rehash<S>>,
    metrics: Arc<ServiceMetrics>,
}

impl<S> SecretCheck<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        checks: ClientChecks,
        verified: Arc<VerifiedSecrets>,
        rehash: Arc<Rehash<S>>,
        metrics: Arc<ServiceMetrics>,
    ) -> Self {
        Self { records, checks, verified, rehash, metrics }
    }
}

impl<S: Store> SecretCheck<S> {
    /// The client whose secret is right in one of the readings.
    pub(super) async fn by_secret(&self, readings: &[IdAndSecret]) -> Result<Caller, Error> {
        // Of a chosen secret each wrong reading costs a hash.
        match readings.iter().find_map(|reading| self.remembered(reading)) {
            Some(caller) => Ok(caller),
            // Boxed, as all that waits: the room for it would be moved with each call that memory answers.
            None => Box::pin(self.by_checked_secret(readings)).await,
        }
    }

    async fn by_checked_secret(&self, readings: &[IdAndSecret]) -> Result<Caller, Error> {
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

    /// The client whose secret memory knows: a generated one, or a chosen one that was verified lately.
    fn remembered(&self, reading: &IdAndSecret) -> Option<Caller> {
        let id = ClientId::parse(&reading.client_id).ok()?;
        let client = self.records.store.clients().cached(&id).filter(|client| !client.disabled)?;
        if is_generated(&reading.secret) {
            let held = client.holds_generated(&reading.secret, self.records.now());
            return held.then(|| Caller::new(client));
        }
        let hashes = client.chosen_hashes(self.records.now());
        let claim = Claim { client_id: id.as_str(), hashes: &hashes, secret: &reading.secret };
        let known = !hashes.is_empty() && self.is_known(claim, reading.address);
        known.then(|| Caller::new(client))
    }

    /// Returns whether the secret was right at this address, or elsewhere while nobody guesses
    /// here: if somebody does, a right one that has not been shown here may be a guess.
    fn is_known(&self, claim: Claim<'_>, address: Option<IpAddr>) -> bool {
        let there = self.verified.proof_at(Place::of(address), claim);
        if self.verified.was_right_there(&there) {
            return true;
        }
        let known = self.verified.recall(&self.verified.proof(claim)) == Some(true)
            && !self.checks.slows(claim.client_id, address);
        if known {
            self.verified.remember_there(there);
        }
        known
    }

    async fn confidential_client(&self, shown: &IdAndSecret) -> Result<Caller, Error> {
        if shown.secret.is_too_long() {
            return Err(Error::InvalidClient(Cause::WrongSecret));
        }
        let id = ClientId::parse(&shown.client_id).ok();
        let kept = id.as_ref().and_then(|id| self.records.store.clients().cached(id));
        if let Some(kept) = &kept
            && self.holds(shown, Some(kept)).await?
        {
            return Ok(Caller::new(kept.clone()));
        }
        let current = match &id {
            Some(id) => self.records.store.clients().get_stored(id).await,
            None => Ok(None),
        };
        let current = current.map_err(|error| self.records.read_failed(error))?;
        // Another process may have rotated the secret, or enabled the client, since it was read.
        let version = |client: &Option<Stored<Client>>| client.as_ref().map(Stored::version);
        let known = kept.is_some() && version(&kept) == version(&current);
        let matches = !known && self.holds(shown, current.as_ref()).await?;
        match current {
            Some(client) if matches => Ok(Caller::new(client)),
            client => Err(not_held(client.as_deref(), &shown.secret, self.records.now())),
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
            return Ok(
                client.is_some_and(|client| client.holds_generated(secret, self.records.now()))
            );
        }
        self.holds_chosen(shown, client).await
    }

    async fn holds_chosen(
        &self,
        IdAndSecret { client_id, secret, address }: &IdAndSecret,
        client: Option<&Stored<Client>>,
    ) -> Result<bool, Error> {
        let hashes =
            client.map(|client| client.chosen_hashes(self.records.now())).unwrap_or_default();
        let claim = Claim { client_id, hashes: &hashes, secret };
        let proof = self.verified.proof(claim);
        let known = || self.verified.recall(&proof);
        if known() == Some(false) {
            return Ok(false);
        }
        if self.is_known(claim, *address) {
            return Ok(true);
        }
        let there = self.verified.proof_at(Place::of(*address), claim);
        let presented = Presented { client_id, address: *address, proof: there };
        let check = match self.checks.turn(presented, known).await {
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
            self.rehash.renew_secret(client, phc, Shown { secret: secret.clone(), reading });
        }
        Ok(right)
    }
}

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
