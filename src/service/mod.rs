//! The requests of callers, independent of the wire.
//!
//! Each request is one file: it reads records, lets `domain` decide, and writes the decision. No
//! answer leaves before the state it rests on is durable.
//!
//! A [`Service`] is a list of components. Each owns its state, is made of its own settings, and has the
//! components that it calls. All of them read and write through `records.rs`. A folder is a subject: its
//! `mod.rs` says what belongs there. Beside the folders lie the words that several of them share.

mod administration;
mod audit;
mod authentication;
mod building;
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

use std::sync::Arc;

pub use self::{
    administration::{
        admin::Admin,
        administrators::{Administrators, NoAdministrator, administrator, reset_administrator},
        client_secrets::RotateSecret,
        clients::{ClientFilter, Clients, CreateClient, NewCredentials, UpdateClient},
        end_all::{COUNT_LIMIT, EndedGrants},
        grants::{Grants, ShownGrant},
        lockouts::{ClearLockouts, Lockout, LockoutFilter, Lockouts, reset_failures},
        new_password::prepared,
        new_secret::{DEFAULT_SECRET_OVERLAP, NewClientSecret},
        page::{Page, PageRequest},
        users::{CreateUser, UpdateUser, UserFilter, UserKey, Users},
    },
    audit::Audit,
    authentication::{
        authenticate::Authentication,
        in_request::{InRequest, JWT_BEARER},
        issuer_keys::{IssuerKeys, KeyCondition},
        token_reviewer::TokenReviewer,
        token_reviews::TokenReviews,
        trusted_issuers::{TrustedIssuer, TrustedIssuers},
    },
    building::ServiceBuilder,
    caller::{Assertion, Caller, Credentials, IdAndSecret, ShownBearer},
    hashing::hash_pool::HashPool,
    introspection::{
        check::Checks,
        explain::{Explain, ExplainedToken, Explanation},
        introspect::{ActiveToken, Introspect, Introspection, IntrospectionService},
    },
    keys::{
        Keys, RingChangeError,
        key_search::{KeyNamed, KeySearch},
    },
    ready::Ready,
    signing::{
        Jwks, Signing,
        signed_tokens::TokenSigner,
        signing_leases::{SigningKeys, SigningLeases},
    },
    status::{IssuerState, KeyState, Status},
    tokens::{
        answer::Tokens,
        exchange::{ACCESS_TOKEN_TYPE, ExchangeParameters, SubjectTokenKind, TokenExchange},
        issue::{Issue, IssueGrant, TokenService},
        minting::HeavyClient,
        refresh::Refresh,
        revoke::Revoke,
    },
    unattended::{Carried, Unattended},
    upkeep::{
        backup::{Backup, BackupPiece, Backups},
        last_used::{LAST_USED_STEP, Use},
        sweep::{SWEEP_STEP, Upkeep},
    },
    watch::{
        Event, Notification, NotificationBatch, Watch, WatchCaller, WatchFrom, cursor::Cursor,
        watching::Revocations,
    },
};
use self::{metrics::ServiceMetrics, records::Records};
use crate::{domain::time::Timestamp, metrics::Registry, store::Store};

/// Everything that answers requests: one component a subject.
pub struct Service<S> {
    /// Proof of callers.
    pub authentication: Arc<Authentication<S>>,
    /// Tokens of clients.
    pub tokens: TokenService<S>,
    /// Answers about tokens.
    pub introspection: Arc<IntrospectionService<S>>,
    /// Answers about tokens to proxies.
    pub checks: Checks<S>,
    /// The signatures of access tokens and of answers about them.
    pub signer: Arc<TokenSigner<S>>,
    /// The leases to publish signing keys, and to sign.
    pub signing_leases: Arc<SigningLeases<S>>,
    /// Administration of clients.
    pub clients: Clients<S>,
    /// Administrators among the clients.
    pub administrators: Arc<Administrators<S>>,
    /// Administration of users.
    pub users: Arc<Users<S>>,
    /// Administration of grants.
    pub grants: Grants<S>,
    /// Administration of lockouts.
    pub lockouts: Arc<Lockouts<S>>,
    /// Watches of revocations.
    pub revocations: Revocations<S>,
    /// The server keys.
    pub keys: Arc<Keys<S>>,
    /// Lines about requests.
    pub audit: Arc<Audit<S>>,
    /// Work beside the calls.
    pub upkeep: Upkeep<S>,
    /// Backups.
    pub backups: Backups<S>,
    records: Records<S>,
    hashes: Arc<HashPool>,
    issuers: Arc<TrustedIssuers>,
    signing: Arc<Signing>,
    metrics: Arc<ServiceMetrics>,
    start_time: Timestamp,
}

impl<S: Store> Service<S> {
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

    /// Returns the time of the process's clock.
    pub fn now(&self) -> Timestamp {
        self.records.now()
    }
}
