//! Builds a service: each component of its own settings, and of the components that it calls.

use std::sync::Arc;

use super::{
    HashPool, Service, Signing, TrustedIssuers,
    administration::{
        administrators::Administrators, clients::Clients, grants::Grants, lockouts::Lockouts,
        new_secret::SecretMaker, users::Users,
    },
    audit::{Audit, stranger_audit::StrangerAudit},
    authentication::{
        assertions::Assertions, authenticate::Authentication, bearers::Bearers,
        client_check::ClientChecks, listing::Listings, request_budget::RequestBudgets,
        secrets::SecretCheck,
    },
    hashing::{rehash::Rehash, verified::VerifiedSecrets},
    introspection::{check::Checks, introspect::IntrospectionService},
    keys::Keys,
    login::{Logins, people::People},
    look_up::TokenLookup,
    metrics::ServiceMetrics,
    records::Records,
    signing::{signed_tokens::TokenSigner, signing_leases::SigningLeases},
    tokens::{
        elapsed::Elapsed, exchange::Exchanges, issue::TokenService, limit::GrantLimits,
        minting::TokenRates,
    },
    upkeep::{backup::Backups, horizon::Horizon, last_used::LastUseQueue, sweep::Upkeep},
    watch::watching::{Revocations, Watching},
};
use crate::{
    bearer::Gate,
    domain::{entropy::Entropy, key_ring::KeyRing, policy::Policies, time::Clock},
    store::Store,
};

/// The parts of a service.
pub struct ServiceBuilder<S> {
    store: S,
    keys: KeyRing,
    hashes: HashPool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policies: Policies,
    issuers: Arc<TrustedIssuers>,
    signing: Arc<Signing>,
}

impl<S: Store> ServiceBuilder<S> {
    /// Takes assertions of these issuers.
    #[must_use]
    pub fn trusting(self, issuers: Arc<TrustedIssuers>) -> Self {
        Self { issuers, ..self }
    }

    /// Signs access tokens for the clients that are to have signed ones.
    #[must_use]
    pub fn signing(self, signing: Signing) -> Self {
        Self { signing: Arc::new(signing), ..self }
    }

    /// Returns the service.
    pub fn build(self) -> Service<S> {
        let Self { store, keys, hashes, clock, entropy, policies, issuers, signing } = self;
        let records = Records::new(store, Arc::clone(&clock), entropy);
        let minting = TokenRates::new();
        let metrics = Arc::new(ServiceMetrics::new(minting.clone(), Arc::clone(&clock)));
        let strangers = Arc::new(StrangerAudit::new());
        let horizon = Arc::new(Horizon::default());
        let keys = Keys::new(records.clone(), keys, Arc::clone(&horizon), Arc::clone(&strangers));
        let keys = Arc::new(keys);
        let hashes = Arc::new(hashes);
        let verified = Arc::new(VerifiedSecrets::new(&*records.entropy));
        let rehash = Rehash::new(records.clone(), Arc::clone(&hashes), Arc::clone(&verified));
        let leases = SigningLeases::new(records.clone(), Arc::clone(&signing), policies.jwt_life);
        let leases = Arc::new(leases);
        let base = Base {
            audit: Arc::new(Audit::new(
                records.clone(),
                Arc::clone(&metrics),
                Arc::clone(&strangers),
            )),
            lookup: Arc::new(TokenLookup::new(records.clone(), Arc::clone(&keys))),
            signer: Arc::new(TokenSigner::new(
                Arc::clone(&signing),
                Arc::clone(&leases),
                strangers,
            )),
            rehash: Arc::new(rehash),
            last_used: Arc::new(LastUseQueue::new()),
            records: records.clone(),
            keys,
            hashes,
            verified,
            issuers,
            metrics,
            policies,
        };
        let authentication = Arc::new(base.authentication());
        let introspection = Arc::new(base.introspection());
        let administrators = Arc::new(Administrators::new(records.clone()));
        let lockouts = Arc::new(Lockouts::new(records.clone(), policies.lockout));
        let users = Arc::new(base.users(&lockouts));
        let registry = &base.metrics.registry;
        Service {
            tokens: base.tokens(&users, &lockouts, minting),
            checks: Checks::new(
                Arc::clone(&authentication),
                Arc::clone(&introspection),
                Gate::new(registry),
            ),
            clients: base.clients(&administrators),
            administrators,
            grants: Grants::new(records.clone()),
            revocations: Revocations::new(
                records.clone(),
                Arc::clone(&authentication),
                Watching::new(registry),
            ),
            upkeep: base.upkeep(horizon),
            backups: Backups::new(records.clone()),
            authentication,
            introspection,
            signer: base.signer,
            signing_leases: leases,
            users,
            lockouts,
            keys: base.keys,
            audit: base.audit,
            start_time: records.now(),
            records,
            hashes: base.hashes,
            issuers: base.issuers,
            signing,
            metrics: base.metrics,
        }
    }
}

/// The components that others call, and the settings.
struct Base<S> {
    records: Records<S>,
    keys: Arc<Keys<S>>,
    lookup: Arc<TokenLookup<S>>,
    signer: Arc<TokenSigner<S>>,
    hashes: Arc<HashPool>,
    verified: Arc<VerifiedSecrets>,
    rehash: Arc<Rehash<S>>,
    issuers: Arc<TrustedIssuers>,
    last_used: Arc<LastUseQueue>,
    audit: Arc<Audit<S>>,
    metrics: Arc<ServiceMetrics>,
    policies: Policies,
}

impl<S: Store> Base<S> {
    fn authentication(&self) -> Authentication<S> {
        let secrets = SecretCheck::new(
            self.records.clone(),
            ClientChecks::new(Arc::clone(&self.hashes), self.policies.guesses),
            Arc::clone(&self.verified),
            Arc::clone(&self.rehash),
            Arc::clone(&self.metrics),
        );
        let listings = Arc::new(Listings::new(self.records.clone()));
        let issuers = Arc::clone(&self.issuers);
        let assertions = Assertions::new(self.records.clone(), Arc::clone(&listings), issuers);
        let bearers = Bearers::new(
            self.records.clone(),
            Arc::clone(&self.lookup),
            Arc::clone(&self.signer),
            Arc::clone(&self.issuers),
            self.policies.rotation,
            Arc::clone(&self.last_used),
        );
        Authentication::new(
            self.records.clone(),
            secrets,
            assertions,
            listings,
            bearers,
            Arc::clone(&self.audit),
            RequestBudgets::new(self.metrics.over_requests.clone()),
        )
    }

    fn introspection(&self) -> IntrospectionService<S> {
        IntrospectionService::new(
            self.records.clone(),
            Arc::clone(&self.keys),
            Arc::clone(&self.lookup),
            Arc::clone(&self.signer),
            self.policies.rotation,
            Arc::clone(&self.last_used),
        )
    }

    fn clients(&self, administrators: &Arc<Administrators<S>>) -> Clients<S> {
        let secrets = SecretMaker::new(
            Arc::clone(&self.hashes),
            Arc::clone(&self.records.entropy),
            self.policies.secrets,
        );
        let jwt_life = self.policies.jwt_life;
        Clients::new(self.records.clone(), secrets, jwt_life, Arc::clone(administrators))
    }

    fn users(&self, lockouts: &Arc<Lockouts<S>>) -> Users<S> {
        Users::new(
            self.records.clone(),
            Arc::clone(&self.hashes),
            self.policies.passwords,
            Arc::clone(lockouts),
        )
    }

    fn tokens(
        &self,
        users: &Arc<Users<S>>,
        lockouts: &Arc<Lockouts<S>>,
        minting: TokenRates,
    ) -> TokenService<S> {
        let people = Arc::new(People::new(
            self.records.clone(),
            Arc::clone(&self.issuers),
            Arc::clone(users),
            Arc::clone(lockouts),
        ));
        TokenService {
            records: self.records.clone(),
            keys: Arc::clone(&self.keys),
            lookup: Arc::clone(&self.lookup),
            signer: Arc::clone(&self.signer),
            logins: Logins::new(
                self.records.clone(),
                Arc::clone(&self.hashes),
                Arc::clone(&self.rehash),
                self.policies.lockout,
                Arc::clone(&self.metrics),
            ),
            exchanges: Exchanges::new(
                self.records.clone(),
                Arc::clone(&self.lookup),
                Arc::clone(&self.signer),
                Arc::clone(&people),
                self.policies.rotation,
                Arc::clone(&self.last_used),
            ),
            people,
            limits: GrantLimits::new(self.records.clone(), Arc::clone(&self.metrics)),
            policy: self.policies.rotation,
            minting,
            elapsed: Elapsed::default(),
            audit: Arc::clone(&self.audit),
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn upkeep(&self, horizon: Arc<Horizon>) -> Upkeep<S> {
        Upkeep::new(
            self.records.clone(),
            horizon,
            self.policies.lockout,
            Arc::clone(&self.last_used),
            Arc::clone(&self.metrics),
        )
    }
}

impl<S: Store> Service<S> {
    /// A service over an open store, without trusted issuers and signatures.
    pub fn new(
        store: S,
        keys: KeyRing,
        hashes: HashPool,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policies: impl Into<Policies>,
    ) -> Self {
        Self::builder(store, keys, hashes, clock, entropy, policies).build()
    }

    /// Begins a service over an open store.
    pub fn builder(
        store: S,
        keys: KeyRing,
        hashes: HashPool,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policies: impl Into<Policies>,
    ) -> ServiceBuilder<S> {
        let (policies, issuers, signing) = (policies.into(), Arc::default(), Arc::default());
        ServiceBuilder { store, keys, hashes, clock, entropy, policies, issuers, signing }
    }
}
