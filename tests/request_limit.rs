//! A client with a request limit is served as much as it may, however it authenticates, and then
//! gets the time to wait.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{
        access_format::{AccessTokenFormat, JwtAttributes},
        attributes::Attributes,
        audience::Audience,
        cause::Cause,
        client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
        client_id::ClientId,
        client_secret::{ClientSecret, SecretHash, StoredSecret, generate},
        epoch::Epoch,
        error::Error,
        grant_type::GrantType,
        hash_cost::HashCost,
        key_ring::{KEY_BYTES, KeyRing, ServerKey},
        policy::Policies,
        request_limit::RequestLimit,
        scopes::Scopes,
        secret::Secret,
        time::Timestamp,
    },
    service::{Credentials, HashPool, Service},
    store::{Records as _, Store as _, Stored, Write, memory::MemoryStore},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::common::{
    caller::client_credentials, refusal::assert_refused, server::Server, settings::Settings,
};

struct World {
    service: Service<MemoryStore>,
    store: MemoryStore,
    secret: Secret,
}

/// One request a second.
fn limit(burst: u32) -> RequestLimit {
    let burst = NonZeroU32::new(burst).expect("not zero");
    RequestLimit { per_second: NonZeroU32::MIN, burst }
}

impl World {
    async fn new(request_limit: Option<RequestLimit>) -> Self {
        let store = MemoryStore::new();
        let secret = generate(&SystemEntropy);
        let held = ClientSecret {
            stored: StoredSecret::Generated(SecretHash::of(&secret)),
            create_time: Timestamp::default(),
            expire_time: None,
            made_by: None,
        };
        let client = Client {
            id: ClientId::parse("shop").expect("a client id"),
            client_type: ClientType::Confidential,
            secrets: vec![held],
            grant_types: [GrantType::ClientCredentials].into_iter().collect(),
            default_scopes: Scopes::default(),
            allowed_scopes: Scopes::default(),
            audience: Audience::default(),
            lifetimes: Lifetimes::default(),
            grant_limit: GrantLimit::default(),
            request_limit,
            certificates: Vec::new(),
            identities: Vec::new(),
            keys: Vec::new(),
            access_token_format: AccessTokenFormat::default(),
            jwt_attributes: JwtAttributes::default(),
            may_exchange_to: Audience::default(),
            may_act: Audience::default(),
            bound_to: None,
            introspect: IntrospectReach::default(),
            permissions: Permissions::default(),
            attributes: Attributes::default(),
            create_time: Timestamp::default(),
            update_time: Timestamp::default(),
            epoch: Epoch::generate(&SystemEntropy),
            disabled: false,
            declared: BTreeMap::new(),
        };
        store.clients().write(Write::Insert(client)).await.expect("a client");
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, Arc::new(SystemEntropy)).expect("a pool");
        let keys = KeyRing::new(ServerKey::new(&[7; KEY_BYTES]), []);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let policies = Policies::default();
        let service = Service::new(store.clone(), keys, hashes, clock, entropy, policies);
        Self { service, store, secret }
    }

    async fn change(&self, request_limit: Option<RequestLimit>) {
        let id = ClientId::parse("shop").expect("a client id");
        let found: Option<Stored<Client>> = self.store.clients().get(&id).await.expect("read");
        let found = found.expect("the client");
        let changed = Client { request_limit, ..(*found).clone() };
        let written = self.store.clients().write(Write::Replace(found.version(), changed)).await;
        written.expect("the client is changed");
    }

    async fn call(&self, secret: &Secret, reads: bool) -> Result<(), Error> {
        let (client_id, secret) = ("shop".to_owned(), secret.clone());
        let credentials = Credentials::of_secret(client_id, secret);
        if reads {
            self.service.authentication.authenticate_caller(&credentials).await.map(drop)
        } else {
            self.service.authentication.authenticate_client(&credentials).await.map(drop)
        }
    }
}

#[tokio::test]
async fn beyond_the_burst_a_request_is_told_the_true_wait_on_every_path() {
    let world = World::new(Some(limit(3))).await;
    for reads in [false, true, false] {
        assert_eq!(world.call(&world.secret, reads).await, Ok(()));
    }
    for reads in [false, true] {
        let refused = world.call(&world.secret, reads).await;
        let Err(Error::RateLimited { cause: Cause::Requests, retry_after }) = refused else {
            panic!("{refused:?}")
        };
        assert!(!retry_after.is_zero() && retry_after <= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn who_fails_to_authenticate_spends_nothing() {
    let world = World::new(Some(limit(1))).await;
    for _ in 0..10 {
        let refused = world.call(&generate(&SystemEntropy), false).await;
        assert_eq!(refused, Err(Error::InvalidClient(Cause::WrongSecret)));
    }
    assert_eq!(world.call(&world.secret, false).await, Ok(()));
}

#[tokio::test]
async fn a_changed_limit_holds_at_once_and_without_one_everything_is_served() {
    let world = World::new(Some(limit(1))).await;
    assert_eq!(world.call(&world.secret, false).await, Ok(()));
    assert!(world.call(&world.secret, false).await.is_err());
    world.change(Some(limit(2))).await;
    for _ in 0..2 {
        assert_eq!(world.call(&world.secret, false).await, Ok(()));
    }
    assert!(world.call(&world.secret, false).await.is_err());
    world.change(None).await;
    for _ in 0..100 {
        assert_eq!(world.call(&world.secret, true).await, Ok(()));
    }
}

#[tokio::test]
async fn over_the_wire_it_is_told_by_retry_info_and_other_clients_are_served() {
    let settings = Settings::standard().declare("shop", "requests_per_second", "1");
    let server = Server::start(&settings.declare("shop", "request_burst", "2")).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let issued = shop.issue(client_credentials()).await.expect("the first");
    assert!(shop.is_active(&issued.access_token).await, "the second");
    for refused in [
        shop.issue(client_credentials()).await.map(drop),
        shop.revoke(&issued.access_token).await,
        shop.introspect_all(&[&issued.access_token]).await.map(drop),
    ] {
        let status = assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
        let pause = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
        let pause = pause.expect("RetryInfo");
        assert!(!pause.is_zero() && pause <= Duration::from_secs(1));
        let pushback = status.metadata().get("grpc-retry-pushback-ms").expect("pushback");
        assert_eq!(pushback.to_str().ok(), Some(pause.as_millis().to_string().as_str()));
    }
    rival.issue(client_credentials()).await.expect("another client");
    server.stop().await;
}
