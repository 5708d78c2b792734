//! Opens what a service needs: store, key ring, hash pool, declared clients and users.

use std::sync::Arc;

use super::{
    SystemClock, SystemEntropy,
    start::{Bringing, Nothing, Opening, StartError, take},
    url_reviewer::UrlReviewer,
};
use crate::{
    config::Settings,
    domain::{entropy::Entropy, policy::Policies, signing_times::JwtLife},
    service::{Service, Signing, TrustedIssuers},
    store::Engine,
};

/// A store with the service over it.
pub(super) struct Opened {
    pub(super) store: Engine,
    pub(super) service: Arc<Service<Engine>>,
}

/// Opens everything. Nothing is served before all of it is done.
///
/// `issuer` is the URL that clients know the server by.
pub(super) async fn open(
    opening: Opening<'_>,
    settings: &Settings,
    issuer: &str,
) -> Result<Opened, StartError> {
    let Opening { access, store, keys, signing, hashes, declared } = opening;
    take(access, Nothing).await?;
    let store = take(store, Nothing).await?;
    let keys = take(keys, &store).await?;
    let signing = take(signing, &store).await?;
    let hashes = take(hashes, Nothing).await?;
    let clock = store.clock().unwrap_or_else(|| Arc::new(SystemClock));
    take(declared, Bringing { store: &store, hashes: &hashes, now: clock.now() }).await?;
    store.keep_free_space();
    let policies = Policies {
        rotation: settings.tokens,
        passwords: settings.passwords.rules,
        lockout: settings.lockout,
        guesses: settings.secrets.guesses(),
        secrets: settings.secrets.rules(),
        jwt_life: JwtLife(settings.keys.max_jwt_ttl),
    };
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let rules = settings.issuers.iter().map(|issuer| issuer.rules.clone()).collect();
    let audience = settings.http.issuer.as_deref().unwrap_or_default();
    let mut issuers = TrustedIssuers::new(audience, rules, &clock);
    for issuer in &settings.issuers {
        if let Some(url) = issuer.token_review.clone() {
            let reviewer = Arc::new(UrlReviewer { url });
            issuers = issuers.reviewed_by(&issuer.rules.name, reviewer, &clock);
        }
    }
    let service = Service::builder(store.clone(), keys, hashes, clock, entropy, policies);
    let signing = Signing::new(issuer, signing, settings.keys.jwks_max_age);
    let service = service.trusting(Arc::new(issuers)).signing(signing).build();
    // Before a key set is served. A failed attempt is repeated at each look at the ring.
    if let Err(error) = service.signing_leases.keep().await {
        tracing::warn!(%error, "the signing keys were not announced");
    }
    Ok(Opened { store, service: Arc::new(service) })
}
