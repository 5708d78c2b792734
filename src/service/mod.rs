//! The requests of callers, independent of the wire.
//!
//! Each request is one file: it reads records, lets `domain` decide, and writes the decision. No
//! answer leaves before the state it rests on is durable.

mod administration;
mod audit;
mod authentication;
mod caller;
mod fair_queue;
mod hashing;
mod holder;
mod introspection;
mod keys;
mod login;
mod look_up;
mod metrics;
mod owner_cache;
mod ready;
mod records;
mod shares;
mod signing;
mod status;
mod token_records;
mod tokens;
mod turns;
mod unattended;
mod upkeep;
mod watch;

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

pub use self::{
    administration::{
        admin::Admin,
        administrators::{NoAdministrator, administrator, reset_administrator},
        client_secrets::{DEFAULT_SECRET_OVERLAP, NewClientSecret, RotateSecret},
        clients::{ClientFilter, CreateClient, NewCredentials, UpdateClient},
        end_all::{COUNT_LIMIT, EndedGrants},
        grants::ShownGrant,
        lockouts::{ClearLockouts, Lockout, LockoutFilter, reset_failures},
        new_password::prepared,
        page::{Page, PageRequest},
        users::{CreateUser, UpdateUser, UserFilter, UserKey},
    },
    authentication::{
        in_request::{InRequest, JWT_BEARER},
        issuer_keys::{IssuerKeys, KeyCondition},
        token_reviewer::TokenReviewer,
        token_reviews::TokenReviews,
        trusted_issuers::{TrustedIssuer, TrustedIssuers},
    },
    caller::{Assertion, Caller, Credentials, IdAndSecret, ShownBearer},
    hashing::hash_pool::HashPool,
    introspection::{
        explain::{Explain, ExplainedToken, Explanation},
        introspect::{ActiveToken, Introspect, Introspection},
    },
    keys::{
        RingChangeError,
        key_search::{KeyNamed, KeySearch},
    },
    ready::Ready,
    signing::{Jwks, Signing},
    status::{IssuerState, KeyState, Status},
    tokens::{
        answer::Tokens,
        exchange::{ACCESS_TOKEN_TYPE, ExchangeParameters, TokenExchange},
        issue::{Issue, IssueGrant},
        minting::HeavyClient,
        refresh::Refresh,
        revoke::Revoke,
    },
    unattended::{Carried, Unattended},
    upkeep::{
        backup::{Backup, BackupPiece},
        last_used::{LAST_USED_STEP, Use},
        sweep::SWEEP_STEP,
    },
    watch::{
        Event, Notification, NotificationBatch, Watch, WatchCaller, WatchFrom, cursor::Cursor,
    },
};
use self::{
    audit::stranger_audit::StrangerAudit,
    authentication::{
        client_check::ClientChecks, listed::ListedIndex, request_budget::RequestBudgets,
    },
    fair_queue::FairQueue,
    hashing::verified::VerifiedSecrets,
    keys::key_use::RetiringKeys,
    metrics::ServiceMetrics,
    shares::Shares,
    tokens::{elapsed::Elapsed, minting::TokenRates},
    turns::Turns,
    upkeep::{
        backup::MOST_BACKUPS, horizon::Horizon, last_used::LastUseQueue, retention::Retention,
    },
    watch::Watching,
};
use crate::{
    bearer::Gate,
    domain::{
        attempts::AttemptsId,
        entropy::Entropy,
        error::Error,
        key_ring::{KeyRing, ServerKey},
        lockout::LockoutPolicy,
        password_rules::PasswordRules,
        policy::{Policies, RotationPolicy},
        presented_token::PresentedToken,
        secret_rules::SecretRules,
        time::{Clock, Timestamp},
        used_assertion::AssertionId,
    },
    metrics::Registry,
    store::Store,
};

/// Look-ups of many tokens at once that are under way at a time, of 64 tokens each. More wait.
const MOST_LOOK_UPS: usize = 8;
/// Limit of waiting ones.
const MOST_WAITING: usize = 4_096;

/// Calls under way that make or end tokens: as many as may wait for the store's committer.
const MOST_CALLS: usize = 4_096;

/// Shared state of all requests.
pub struct Service<S> {
    store: Arc<S>,
    keys: ArcSwap<KeyRing>,
    key_use: RetiringKeys,
    /// The places for backups under way.
    backups: Arc<Shares>,
    /// Look-ups of many tokens at once.
    look_ups: Arc<FairQueue>,
    /// Places for calls that make or end tokens.
    calls: Arc<Shares>,
    hashes: Arc<HashPool>,
    client_checks: ClientChecks,
    /// Clients by their certificates and identities.
    listed: ListedIndex,
    issuers: Arc<TrustedIssuers>,
    signing: Arc<Signing>,
    verified: Arc<VerifiedSecrets>,
    login_turns: Arc<Turns>,
    lockout: LockoutPolicy,
    /// Position of the sweeper in the records of failed logins.
    attempts_swept: Mutex<Option<AttemptsId>>,
    /// Position of the sweeper in the used assertions.
    assertions_swept: Mutex<Option<AssertionId>>,
    budgets: RequestBudgets,
    clock: Arc<dyn Clock>,
    elapsed: Elapsed,
    horizon: Horizon,
    entropy: Arc<dyn Entropy>,
    policy: RotationPolicy,
    password_rules: PasswordRules,
    secret_rules: SecretRules,
    retention: Mutex<Retention>,
    minting: TokenRates,
    last_used: LastUseQueue,
    watching: Watching,
    gate: Gate,
    metrics: ServiceMetrics,
    strangers: StrangerAudit,
    start_time: Timestamp,
}

impl<S: Store> Service<S> {
    /// A service over an open store.
    pub fn new(
        store: S,
        keys: KeyRing,
        hashes: HashPool,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        policies: impl Into<Policies>,
    ) -> Self {
        let policies = policies.into();
        let hashes = Arc::new(hashes);
        let minting = TokenRates::new();
        let metrics = ServiceMetrics::new(minting.clone(), Arc::clone(&clock));
        let start_time = clock.now();
        Self {
            store: Arc::new(store),
            keys: ArcSwap::from_pointee(keys),
            key_use: RetiringKeys::default(),
            backups: Arc::new(Shares::new(MOST_BACKUPS)),
            look_ups: FairQueue::new(MOST_LOOK_UPS, MOST_WAITING),
            calls: Arc::new(Shares::new(MOST_CALLS)),
            client_checks: ClientChecks::new(Arc::clone(&hashes), policies.guesses),
            listed: ListedIndex::default(),
            issuers: Arc::default(),
            signing: Arc::default(),
            hashes,
            verified: Arc::new(VerifiedSecrets::new(&*entropy)),
            login_turns: Arc::default(),
            lockout: policies.lockout,
            attempts_swept: Mutex::default(),
            assertions_swept: Mutex::default(),
            budgets: RequestBudgets::new(metrics.over_requests.clone()),
            retention: Mutex::default(),
            clock,
            elapsed: Elapsed::default(),
            horizon: Horizon::default(),
            entropy,
            policy: policies.rotation,
            password_rules: policies.passwords,
            secret_rules: policies.secrets,
            minting,
            last_used: LastUseQueue::new(),
            watching: Watching::new(&metrics.registry),
            gate: Gate::new(&metrics.registry),
            metrics,
            strangers: StrangerAudit::new(),
            start_time,
        }
    }

    /// The service, with issuers whose assertions it takes.
    #[must_use]
    pub fn trusting(self, issuers: Arc<TrustedIssuers>) -> Self {
        Self { issuers, ..self }
    }

    /// The service, which signs access tokens for the clients that are to have signed ones.
    #[must_use]
    pub fn signing(self, signing: Signing) -> Self {
        Self { signing: Arc::new(signing), ..self }
    }

    /// Returns the keys that sign access tokens.
    pub fn signing_keys(&self) -> &Arc<Signing> {
        &self.signing
    }

    /// Returns the trusted issuers.
    pub fn issuers(&self) -> &Arc<TrustedIssuers> {
        &self.issuers
    }

    /// Returns the metrics of the service, its hash pool, its trusted issuers and its signing keys.
    pub fn metrics(&self) -> [Registry; 4] {
        let (hashes, issuers) = (self.hashes.metrics(), self.issuers.metrics());
        [self.metrics.registry.clone(), hashes, issuers, self.signing.metrics()]
    }

    /// The clients that ask for tokens for themselves much faster than those expire: those with more
    /// than 100 live ones, the most first, at most 20.
    pub fn minting_clients(&self) -> Vec<HeavyClient> {
        self.minting.clients(self.clock.age())
    }

    /// The position in the feed of revocations that is durable now.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub async fn revocation_cursor(&self, _caller: &Caller) -> Result<Cursor, Error> {
        // Order matters: a cursor of a feed that ends in between is refused, never misread.
        let store = self.store.id();
        Ok(Cursor::new(store, self.head().await?))
    }

    /// Returns the time of the process's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The server key that `token` names: `None` when no key of ours ever had that name, and for a signed
    /// token, which names none.
    ///
    /// # Errors
    /// `Unavailable` when records name the key and this ring lacks it: the token may be good.
    async fn key_of<'a>(
        &self,
        keys: &'a KeyRing,
        token: &PresentedToken,
    ) -> Result<Option<&'a ServerKey>, Error> {
        let Some(key_id) = token.key_id() else { return Ok(None) };
        let key = keys.get(key_id);
        if key.is_some() {
            return Ok(key);
        }
        let named = self.read(self.store.key_ids()).await?;
        if named.contains(&key_id) {
            if self.strangers.may_tell() {
                tracing::error!(%key_id, "a token names a key that the ring lacks");
            }
            return Err(Error::UNAVAILABLE);
        }
        Ok(None)
    }
}
