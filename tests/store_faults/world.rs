//! A service over a faulty store, one client and one user who asks it for things.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    domain::{
        audience::Audience,
        client::{Client, Permissions},
        client_secret,
        error::Error,
        grant::{Grant, Origin},
        grant_selector::{GrantSelector, SubjectName},
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        policy::RotationPolicy,
        revoke::RevokeScope,
        scopes::Scopes,
        secret::Secret,
        time::Clock as _,
        token::TokenKind,
    },
    service::{
        Admin, Caller, Credentials, HashPool, Introspect, Introspection, Issue, IssueGrant,
        Refresh, Revoke, Service, Tokens,
    },
    store::{
        ReadError, Records, Store as _, Stored, Write, WriteError,
        faulty::{FaultyStore, WriteFault},
        memory::MemoryStore,
    },
};

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id, user, user_id},
};

/// Every way in which a store can fail to read.
pub(crate) const READ_ERRORS: [ReadError; 2] = [ReadError::Unavailable, ReadError::Corrupt];

/// Every way in which a store can say that a write did not happen, or that it does not know.
pub(crate) const WRITE_ERRORS: [WriteError; 4] =
    [WriteError::Busy, WriteError::Unavailable, WriteError::Unknown, WriteError::Corrupt];

/// A pair as its holder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub access: String,
    pub refresh: String,
}

impl From<Tokens> for Pair {
    fn from(tokens: Tokens) -> Self {
        let refresh = tokens.refresh.expect("the client may refresh").0;
        Self { access: tokens.access_token.expose().into(), refresh: refresh.expose().into() }
    }
}

pub(crate) struct World {
    pub memory: MemoryStore,
    pub store: FaultyStore<MemoryStore>,
    pub service: Service<FaultyStore<MemoryStore>>,
    pub clock: Arc<HandClock>,
    pub credentials: Credentials,
    pub caller: Caller,
    admin: Admin,
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(seed))));
        let memory = MemoryStore::new();
        let store = FaultyStore::new(memory.clone());
        let clock = Arc::new(HandClock::new());
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
        let password = hashes.hash(Secret::new("password")).await.expect("a hash");
        let secret = client_secret::generate(&*entropy);
        let permissions = Permissions { admin: true, ..Permissions::default() };
        let client = Client { permissions, ..client(0, &secret, &*entropy, clock.now()) };
        memory.clients().write(Write::Insert(client)).await.expect("a client");
        let user = user(0, &password, &*entropy, clock.now());
        memory.users().write(Write::Insert(user)).await.expect("a user");
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let minute = Duration::from_secs(60);
        let policy = RotationPolicy { retry_window: minute, access_overlap: minute };
        let service = Service::new(store.clone(), keys, hashes, clock.clone(), entropy, policy);
        let id = client_id(0).to_string();
        let credentials = Credentials::of_secret(id, secret);
        let caller =
            service.authentication.authenticate_client(&credentials).await.expect("the client");
        let admin = service.authentication.authorize_admin(caller.clone(), Origin::default());
        let admin = admin.expect("an administrator");
        Self { memory, store, service, clock, credentials, caller, admin }
    }

    /// Ends every grant of the user.
    pub(crate) async fn end_all_of_user(&self) -> Result<(), Error> {
        let user = GrantSelector::Subject(SubjectName::User(user_id(0)));
        self.service.grants.revoke_grants(&self.admin, &user).await.map(drop)
    }

    /// Ends every grant of the client.
    pub(crate) async fn end_all_of_client(&self) -> Result<(), Error> {
        let client = GrantSelector::Client(client_id(0));
        self.service.grants.revoke_grants(&self.admin, &client).await.map(drop)
    }

    /// The next writes fail in this way, each.
    pub(crate) fn fail_writes(&self, fault: &WriteFault) {
        let fault = fault.clone();
        self.store.plan_writes(move || Some(fault.clone()));
    }

    pub(crate) async fn issue(&self, request_id: Option<&str>) -> Result<Pair, Error> {
        self.issue_from(request_id, Origin::default()).await
    }

    pub(crate) async fn issue_from(
        &self,
        request_id: Option<&str>,
        origin: Origin,
    ) -> Result<Pair, Error> {
        let (username, password) = ("user-0".into(), Secret::new("password"));
        let request = Issue {
            grant: IssueGrant::Password { username, password },
            scopes: Scopes::default(),
            audience: Audience::default(),
            ttl: None,
            request_id: request_id.map(Into::into),
            origin,
        };
        self.service.tokens.issue(&self.caller, request).await.map(Pair::from)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Pair, Error> {
        let refresh_token = Secret::new(token);
        let origin = Origin::default();
        let (scopes, audience) = (Scopes::default(), Audience::default());
        let request = Refresh { refresh_token, scopes, audience, origin };
        self.service.tokens.refresh(&self.caller, &request).await.map(Pair::from)
    }

    pub(crate) async fn revoke(&self, token: &str) -> Result<(), Error> {
        let (token, origin) = (Secret::new(token), Origin::default());
        let request = Revoke { token, scope: RevokeScope::WholeGrant, origin };
        self.service.tokens.revoke(&self.caller, &request).await.map(drop)
    }

    pub(crate) async fn is_active(&self, access: &str) -> Result<bool, Error> {
        let token = Secret::new(access);
        let request = Introspect { token, expected_kind: TokenKind::Access };
        let found = self.service.introspection.introspect(&self.caller, &request).await?;
        Ok(matches!(found, Introspection::Active(_)))
    }

    /// Returns every grant in the store, also while the store fails.
    pub(crate) async fn grants(&self) -> Vec<Stored<Grant>> {
        Records::<Grant>::page(&self.memory, None, usize::MAX).await.expect("memory does not fail")
    }
}

/// Returns whether the answer says no more than that the store failed.
pub(crate) fn is_failure(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable { .. }
            | Error::Overloaded { .. }
            | Error::NoSpace { .. }
            | Error::Internal { .. }
    )
}
