//! Authenticates clients by signed assertions: of trusted issuers, and of their own (RFC 7523 §2.2).
//!
//! No limit of guesses is kept for them: a signature is nothing that can be guessed, and checking one costs
//! about a ten-thousandth of what a chosen secret costs.

use std::{sync::Arc, time::Duration};

use super::{
    decoy::Decoy,
    listed::Listed,
    listing::{Listing, Listings},
    trusted_issuers::TrustedIssuers,
};
use crate::{
    domain::{
        algorithm::Algorithm,
        assertion::Asserted,
        cause::Cause,
        claims::{Claims, Validity},
        client::Client,
        client_id::ClientId,
        client_identity::ClientIdentity,
        client_key::ClientKey,
        error::Error,
        time::Timestamp,
        used_assertion::{AssertionId, UsedAssertion},
    },
    jose::{KeySet, SignedToken},
    service::{Caller, caller::Assertion, records::Records},
    store::{Records as _, Store, Stored, Write, WriteError},
};

/// Time in which an assertion of a client's own is good. Clients make one for each request.
const OWN: Validity =
    Validity { clock_skew: Duration::from_secs(30), max_lifetime: Duration::from_secs(5 * 60) };

/// Check of signed assertions.
pub(in crate::service) struct Assertions<S> {
    records: Records<S>,
    listings: Arc<Listings<S>>,
    issuers: Arc<TrustedIssuers>,
}

impl<S> Assertions<S> {
    pub(in crate::service) fn new(
        records: Records<S>,
        listings: Arc<Listings<S>>,
        issuers: Arc<TrustedIssuers>,
    ) -> Self {
        Self { records, listings, issuers }
    }
}

impl<S: Store> Assertions<S> {
    /// The client that an assertion is of: the one that has signed it, or the one that lists the identity
    /// that a trusted issuer vouches for.
    pub(in crate::service) async fn by_assertion(
        &self,
        shown: &Assertion,
    ) -> Result<Caller, Error> {
        match &shown.claimed {
            Some(claimed) => {
                let token = SignedToken::parse(&shown.text).map_err(Error::InvalidClient)?;
                self.by_own_assertion(claimed, &token).await
            }
            None => self.by_identity(shown).await,
        }
    }

    /// The client that has signed an assertion in its own name, which is used up by it.
    async fn by_own_assertion(
        &self,
        claimed: &str,
        token: &SignedToken<'_>,
    ) -> Result<Caller, Error> {
        let id = ClientId::parse(claimed).ok();
        let kept = id.as_ref().and_then(|id| self.records.store.clients().cached(id));
        let from_memory = kept.as_deref().map(|kept| self.own_claims(Some(kept), token));
        if let (Some(kept), Some(Ok(claims))) = (&kept, &from_memory) {
            return self.used_once(kept.clone(), claims).await;
        }
        let current = match &id {
            Some(id) => self.records.read(self.records.store.clients().get_stored(id)).await?,
            None => None,
        };
        // Another process may have given it a key, or enabled it, since it was read.
        let version = |client: &Option<Stored<Client>>| client.as_ref().map(Stored::version);
        let same = version(&kept) == version(&current);
        let claims = match from_memory.filter(|_| same) {
            Some(claims) => claims,
            None => self.own_claims(current.as_deref(), token),
        };
        let claims = claims.map_err(Error::InvalidClient)?;
        let client = current.ok_or(Error::InvalidClient(Cause::UnknownClient))?;
        self.used_once(client, &claims).await
    }

    /// The claims of an assertion of the client's own, if it is good. For every client, and for none, keys
    /// are read and a signature is verified: the time does not show which clients there are.
    fn own_claims(
        &self,
        client: Option<&Client>,
        token: &SignedToken<'_>,
    ) -> Result<Claims, Cause> {
        let now = self.records.now();
        let keys = client.filter(|client| !client.disabled).and_then(|client| keys(client, now));
        let verified = match &keys {
            Some(keys) => token.verify(keys, &Algorithm::ALL),
            None => Err(Cause::UnknownKey),
        };
        match (&keys, &verified, Decoy::of(token)) {
            (None, _, Some(decoy)) => decoy.read_and_try(token),
            (Some(_), Err(Cause::UnknownKey), Some(decoy)) => decoy.try_on(token),
            _ => {}
        }
        let client = client.ok_or(Cause::UnknownClient)?;
        if client.disabled {
            return Err(Cause::DisabledClient);
        }
        if keys.is_none() {
            return Err(Cause::NoKey);
        }
        let claims = verified?;
        claims.check_media_type()?;
        // Without a name in the settings every assertion is for somebody else.
        claims.check_audience(self.issuers.audience().ok_or(Cause::WrongAudience)?)?;
        claims.check_time(OWN, now)?;
        Ok(claims)
    }

    /// The client, if no request before has shown this assertion.
    async fn used_once(&self, client: Stored<Client>, claims: &Claims) -> Result<Caller, Error> {
        const UNREADABLE: Error = Error::InvalidClient(Cause::UnreadableAssertion);
        let jti = claims.id.as_deref().filter(|jti| !jti.is_empty()).ok_or(UNREADABLE)?;
        let end = claims.expire_time.ok_or(UNREADABLE)?;
        let id = AssertionId::of(&client.id, jti);
        let used = UsedAssertion { id, expire_time: end.after(OWN.clock_skew) };
        match self.records.store.assertions().write(Write::Insert(used)).await {
            Ok(_) => Ok(Caller::new(client)),
            Err(WriteError::Conflict) => Err(Error::InvalidClient(Cause::ReplayedAssertion)),
            Err(error) => Err(self.records.write_failed(error)),
        }
    }

    /// The client that lists what a trusted issuer vouches for: the one that the request names, or the
    /// only one. The issuer is asked last: nothing that jeton refuses by itself is shown to anybody.
    async fn by_identity(&self, shown: &Assertion) -> Result<Caller, Error> {
        let named = shown.client_id.as_deref();
        let asserted = self.issuers.verify(&shown.text, self.records.now()).await?;
        let lists = |client: &Client| !client.disabled && holds(client, &asserted);
        let subject = Listed::Subject(asserted.issuer.clone(), asserted.subject.as_str().into());
        let listing = Listing { shown: vec![subject], what: "identity" };
        let found = match named.map(|named| ClientId::parse(named).ok()) {
            None => self.listings.only_listing(&listing, lists).await?,
            Some(Some(id)) => self.records.client_that(&id, lists).await?,
            Some(None) => None,
        };
        match found {
            Some(client) => {
                self.issuers.confirm(&shown.text, &asserted).await?;
                Ok(Caller::new(client))
            }
            None => Err(Error::InvalidClient(self.why_unlisted(&listing, &asserted, named).await?)),
        }
    }

    /// The cause for which no client is the one that was vouched for.
    async fn why_unlisted(
        &self,
        listing: &Listing,
        asserted: &Asserted,
        named: Option<&str>,
    ) -> Result<Cause, Error> {
        let ids = self.listings.listing(listing).await?;
        let mut cause = Cause::WrongIdentity;
        for id in ids.iter().filter(|id| named.is_none_or(|named| named == id.as_str())) {
            let Some(client) = self.records.client(id).await? else { continue };
            if client.disabled && holds(&client, asserted) {
                return Ok(Cause::DisabledClient);
            }
            if !holds(&client, asserted) {
                cause = Cause::WrongUid;
            }
        }
        Ok(cause)
    }
}

fn holds(client: &Client, Asserted { issuer, subject, uid }: &Asserted) -> bool {
    let matches = |held: &ClientIdentity| held.matches(issuer, subject, uid.as_deref());
    client.identities.iter().any(matches)
}

/// The keys by which the client may sign now, if there are some.
fn keys(client: &Client, now: Timestamp) -> Option<KeySet> {
    let keys: Vec<_> = client.live_keys(now).map(ClientKey::to_jwk).collect();
    let text = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    KeySet::read(text.as_bytes()).ok().map(|(keys, _)| keys)
}
