//! The service over a store on disk, with one client and some users.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jeton::{
    domain::{
        access_format::{AccessTokenFormat, JwtAttributes},
        attributes::Attributes,
        audience::Audience,
        client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
        client_id::ClientId,
        client_secret::{self, ClientSecret, SecretHash, StoredSecret},
        declared::Declared,
        entropy::Entropy,
        epoch::Epoch,
        grant::Origin,
        grant_id::GrantId,
        grant_type::GrantType,
        hash_cost::HashCost,
        issue::{IssueRequest, Issued, issue},
        key_ring::{KEY_BYTES, KeyRing, ServerKey},
        policy::RotationPolicy,
        scopes::Scopes,
        secret::Secret,
        subject::{Subject, UserId},
        time::{Clock as _, Timestamp},
        user::{PasswordHash, User},
        user_name::UserName,
    },
    service::{Caller, Credentials, HashPool, SWEEP_STEP, Service},
    store::{
        GrantOwner, Records as _, Store as _, Write,
        sled::{SledOptions, SledStore},
    },
};

use crate::{Place, clock::HandClock, entropy::SystemEntropy};

/// Number of grants in one page of a listing.
const PAGE: usize = 1_000;

/// A service with its store and the state to call it.
pub(crate) struct World {
    pub(crate) store: SledStore,
    pub(crate) service: Service<SledStore>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) caller: Caller,
    key: ServerKey,
    users: Vec<User>,
}

impl World {
    /// Creates a store with users and a client whose grants have these `lifetimes`.
    pub(crate) async fn new(place: &Place, lifetimes: Lifetimes, users: usize) -> Arc<Self> {
        let store = open(place);
        let clock = Arc::new(HandClock::new());
        let entropy = Arc::new(SystemEntropy);
        let key = ServerKey::new(&[7; KEY_BYTES]);
        store.add_key_id(key.id()).await.expect("the key is noted");
        let secret = client_secret::generate(&*entropy);
        let client = client(&secret, lifetimes, clock.now());
        store.clients().write(Write::Insert(client)).await.expect("a client");
        let users: Vec<_> = (0..users).map(|number| user(number, clock.now())).collect();
        for group in users.chunks(PAGE) {
            let writes = group.iter().cloned().map(Write::Insert);
            for written in join_all(writes.map(|write| store.users().write(write))).await {
                written.expect("a user");
            }
        }
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
        let keys = KeyRing::new(key.clone(), []);
        let policy = RotationPolicy::default();
        let service = Service::new(store.clone(), keys, hashes, clock.clone(), entropy, policy);
        let credentials = Credentials::of_secret(client_id().to_string(), secret);
        let caller =
            service.authentication.authenticate_client(&credentials).await.expect("the client");
        Arc::new(Self { store, service, clock, caller, key, users })
    }

    /// Issues a grant to the user with that number, as the service does after a correct password,
    /// and returns its refresh token.
    pub(crate) async fn issue(&self, number: usize) -> Secret {
        let user = &self.users[number % self.users.len()];
        let request = IssueRequest {
            grant_type: GrantType::Password,
            subject: Subject::User { id: user.id, epoch: user.epoch },
            scopes: Scopes::default(),
            audience: Audience::default(),
            access_ttl: None,
            request_id: None,
            signed_by: None,
            exchanged: None,
            confirmation: None,
            origin: Origin {
                peer: Some("192.0.2.17".into()),
                user_agent: Some("grpc-go/1.76.0".into()),
            },
        };
        let now = self.clock.now();
        let id = GrantId::generate(now, &SystemEntropy);
        let client = self.caller.client();
        let Issued { grant, pair } = issue(id, &request, client, &self.key, &SystemEntropy, now);
        self.store.grants().write(Write::Insert(grant)).await.expect("a grant");
        pair.refresh.expect("the client may refresh").to_text()
    }

    /// Sweeps until no grant is due.
    pub(crate) async fn sweep(&self) -> usize {
        let mut swept = 0;
        loop {
            let met = self.service.upkeep.sweep(SWEEP_STEP).await.expect("a sweep");
            swept += met;
            if met < SWEEP_STEP {
                return swept;
            }
        }
    }

    /// Returns the number of grants in a listing of the client's.
    pub(crate) async fn records(&self) -> usize {
        let (mut count, mut after) = (0, None);
        loop {
            let owner = GrantOwner::Client(client_id());
            let page = self.store.grant_ids(&owner, after, PAGE).await.expect("a page");
            count += page.len();
            after = page.last().copied();
            if page.len() < PAGE {
                return count;
            }
        }
    }
}

/// Opens the store of a data directory.
pub(crate) fn open(place: &Place) -> SledStore {
    let options = SledOptions {
        spare_bytes: place.spare_mib << 20,
        ..SledOptions::new(place.dir.clone(), place.cache_mib << 20)
    };
    SledStore::open(&options, &SystemEntropy).expect("the store opens")
}

/// Returns lifetimes with the usual access token.
pub(crate) const fn lifetimes(refresh: Duration, grant: Duration) -> Lifetimes {
    Lifetimes { access: Duration::from_secs(15 * 60), refresh, grant }
}

fn client_id() -> ClientId {
    ClientId::parse("orders").expect("a client's id")
}

fn client(secret: &Secret, lifetimes: Lifetimes, now: Timestamp) -> Client {
    let scopes = Scopes::parse("read write").expect("scopes");
    Client {
        id: client_id(),
        client_type: ClientType::Confidential,
        secrets: vec![ClientSecret {
            stored: StoredSecret::Generated(SecretHash::of(secret)),
            create_time: now,
            expire_time: None,
            made_by: None,
        }],
        grant_types: GrantType::ALL.into_iter().collect(),
        default_scopes: scopes.clone(),
        allowed_scopes: scopes,
        audience: Audience::default(),
        lifetimes,
        grant_limit: GrantLimit::default(),
        request_limit: None,
        certificates: Vec::new(),
        identities: Vec::new(),
        keys: Vec::new(),
        access_token_format: AccessTokenFormat::default(),
        jwt_attributes: JwtAttributes::default(),
        may_exchange_to: Audience::default(),
        may_act: Audience::default(),
        bound_to: None,
        introspect: IntrospectReach::Own,
        permissions: Permissions::default(),
        attributes: Attributes::default(),
        create_time: now,
        update_time: now,
        epoch: Epoch::generate(&SystemEntropy),
        disabled: false,
        declared: Declared::new(),
    }
}

fn user(number: usize, now: Timestamp) -> User {
    let mut id = [0; 16];
    SystemEntropy.fill(&mut id);
    User {
        id: UserId::from_bytes(id),
        name: UserName::parse(&format!("user-{number}")).expect("a name"),
        password: PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$".into()),
        identities: Vec::new(),
        vouched: None,
        attributes: Attributes::default(),
        create_time: now,
        update_time: now,
        epoch: Epoch::generate(&SystemEntropy),
        disabled: false,
        declared: Declared::new(),
    }
}
