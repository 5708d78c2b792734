//! A service with one client and one user, for tests that say step by step what happens.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    domain::{
        audience::Audience,
        client::{Client, Lifetimes, Permissions},
        client_secret,
        error::Error,
        grant::{Grant, Origin},
        grant_id::GrantId,
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        policy::RotationPolicy,
        revoke::RevokeScope,
        scopes::Scopes,
        secret::Secret,
        time::{Clock as _, Timestamp},
        token::TokenKind,
    },
    service::{
        Admin, Caller, Credentials, HashPool, Introspect, Introspection, Issue, IssueGrant,
        Refresh, Revoke, Service, Tokens,
    },
    store::{Records as _, Store as _, Stored, Write, memory::MemoryStore},
};

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id, user},
    rules::{OVERLAP, WINDOW},
};

const COST: HashCost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
const POLICY: RotationPolicy = RotationPolicy { retry_window: WINDOW, access_overlap: OVERLAP };

/// One client, one user, and a clock.
pub(crate) struct Scene {
    pub(crate) clock: Arc<HandClock>,
    pub(crate) store: MemoryStore,
    pub(crate) service: Arc<Service<MemoryStore>>,
    pub(crate) caller: Caller,
    pub(crate) credentials: Credentials,
    admin: Admin,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(Dice::fresh_seed()))));
        let (store, clock) = (MemoryStore::shared(), Arc::new(HandClock::new()));
        let hashes = HashPool::start(1, COST, entropy.clone()).expect("a pool");
        let password = hashes.hash(Secret::new("password")).await.expect("a hash");
        let secret = client_secret::generate(&*entropy);
        let permissions = Permissions { admin: true, ..Permissions::default() };
        let client = Client { permissions, ..client(0, &secret, &*entropy, clock.now()) };
        store.clients().write(Write::Insert(client)).await.expect("a client");
        let user = user(0, &password, &*entropy, clock.now());
        store.users().write(Write::Insert(user)).await.expect("a user");
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let service = Service::new(store.clone(), keys, hashes, clock.clone(), entropy, POLICY);
        let service = Arc::new(service);
        let client_id = client_id(0).to_string();
        let credentials = Credentials::of_secret(client_id, secret);
        let caller =
            service.authentication.authenticate_client(&credentials).await.expect("the client");
        let admin = service.authentication.authorize_admin(caller.clone(), Origin::default());
        let admin = admin.expect("an administrator");
        Self { clock, store, service, caller, credentials, admin }
    }

    /// Another instance over the same store.
    pub(crate) fn instance(&self) -> Arc<Service<MemoryStore>> {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(Dice::fresh_seed()))));
        let hashes = HashPool::start(1, COST, entropy.clone()).expect("a pool");
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Arc::new(Service::new(store, keys, hashes, clock, entropy, POLICY))
    }

    /// The user logs in.
    pub(crate) async fn log_in(&self) -> Tokens {
        let username = "user-0".to_owned();
        self.issue(IssueGrant::Password { username, password: Secret::new("password") }).await
    }

    pub(crate) async fn issue(&self, grant: IssueGrant) -> Tokens {
        self.ask(grant, None, None).await.expect("a grant")
    }

    /// The user logs in by a request that may be repeated.
    pub(crate) async fn log_in_as(&self, request_id: &str) -> Result<Tokens, Error> {
        let (username, password) = ("user-0".to_owned(), Secret::new("password"));
        self.ask(IssueGrant::Password { username, password }, Some(request_id), None).await
    }

    pub(crate) async fn ask(
        &self,
        grant: IssueGrant,
        request_id: Option<&str>,
        ttl: Option<Duration>,
    ) -> Result<Tokens, Error> {
        let request = Issue {
            grant,
            scopes: Scopes::default(),
            audience: Audience::default(),
            ttl,
            request_id: request_id.map(Into::into),
            origin: Origin::default(),
        };
        self.service.tokens.issue(&self.caller, request).await
    }

    /// From now on the client's access tokens live so long.
    pub(crate) async fn shorten_access(&mut self, access: Duration) {
        let found: Option<Stored<Client>> =
            self.store.clients().get(self.caller.id()).await.expect("a read");
        let found = found.expect("the client");
        let lifetimes = Lifetimes { access, ..found.lifetimes };
        let shorter = Client { lifetimes, ..(*found).clone() };
        let write = Write::Replace(found.version(), shorter);
        self.store.clients().write(write).await.expect("a replace");
        let caller = self.service.authentication.authenticate_client(&self.credentials).await;
        self.caller = caller.expect("the client");
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(u64::try_from(time.as_millis()).expect("a short time"));
    }

    pub(crate) async fn introspect(&self, token: &Secret) -> bool {
        let request = Introspect { token: token.clone(), expected_kind: TokenKind::Access };
        let found =
            self.service.introspection.introspect(&self.caller, &request).await.expect("an answer");
        matches!(found, Introspection::Active(_))
    }

    pub(crate) async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Error> {
        self.refresh_to(tokens, "").await
    }

    pub(crate) async fn refresh_to(&self, tokens: &Tokens, scopes: &str) -> Result<Tokens, Error> {
        let (refresh_token, _) = tokens.refresh.clone().expect("a refresh token");
        let scopes = Scopes::parse(scopes).expect("scopes");
        let (audience, origin) = (Audience::default(), Origin::default());
        let request = Refresh { refresh_token, scopes, audience, origin };
        self.service.tokens.refresh(&self.caller, &request).await
    }

    /// Revokes the token with its grant, or the access token alone.
    pub(crate) async fn revoke(&self, token: &Secret, scope: RevokeScope) {
        let request = Revoke { token: token.clone(), scope, origin: Origin::default() };
        self.service.tokens.revoke(&self.caller, &request).await.expect("revoked");
    }

    pub(crate) async fn grant(&self, id: GrantId) -> Stored<Grant> {
        self.store.grants().get(&id).await.expect("a read").expect("the grant")
    }

    /// As an administrator is shown it.
    pub(crate) async fn last_used(&self, id: GrantId) -> Option<Timestamp> {
        self.service.upkeep.flush_uses().await.expect("uses are written");
        self.service.grants.get_grant(&self.admin, id).await.expect("the grant").grant.last_used
    }
}
