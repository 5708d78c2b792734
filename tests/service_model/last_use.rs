//! When a grant was last used: known to within a quarter of an hour, for next to no writes, and
//! without changing anything else of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    domain::{
        audience::Audience,
        client_secret,
        grant::{Grant, Origin},
        grant_id::GrantId,
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        policy::RotationPolicy,
        revoke::RevokeScope,
        scopes::Scopes,
        secret::Secret,
        time::{Clock as _, Timestamp},
        token::{Token, TokenKind},
    },
    service::{
        Caller, Credentials, HashPool, Introspect, Introspection, Issue, IssueGrant, Refresh,
        Revoke, Service, Tokens,
    },
    store::{Records as _, Store as _, Stored, Write, memory::MemoryStore},
};

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id, user},
    rules::{OVERLAP, WINDOW},
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const NEARLY: Duration = Duration::from_secs(15 * 60 - 1);

/// One client, one user, one grant.
struct Scene {
    clock: Arc<HandClock>,
    store: MemoryStore,
    service: Service<MemoryStore>,
    caller: Caller,
}

impl Scene {
    async fn new() -> (Self, Tokens) {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(Dice::fresh_seed()))));
        let (store, clock) = (MemoryStore::new(), Arc::new(HandClock::new()));
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
        let password = hashes.hash(Secret::new("password")).await.expect("a hash");
        let secret = client_secret::generate(&*entropy);
        let client = client(0, &secret, &*entropy, clock.now());
        store.clients().write(Write::Insert(client)).await.expect("a client");
        let user = user(0, &password, &*entropy, clock.now());
        store.users().write(Write::Insert(user)).await.expect("a user");
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let policy = RotationPolicy { retry_window: WINDOW, access_overlap: OVERLAP };
        let service = Service::new(store.clone(), keys, hashes, clock.clone(), entropy, policy);
        let client_id = client_id(0).to_string();
        let credentials = Credentials::Secret { client_id, secret, raw: None };
        let caller = service.authenticate_client(&credentials).await.expect("the client");
        let scene = Self { clock, store, service, caller };
        let grant = IssueGrant::Password {
            username: "user-0".to_owned(),
            password: Secret::new("password"),
        };
        let request = Issue {
            grant,
            scopes: Scopes::default(),
            audience: Audience::default(),
            ttl: None,
            request_id: None,
            origin: Origin::default(),
        };
        let tokens = scene.service.issue(&scene.caller, request).await.expect("a grant");
        (scene, tokens)
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(u64::try_from(time.as_millis()).expect("a short time"));
    }

    async fn introspect(&self, token: &Secret) -> bool {
        let request = Introspect { token: token.clone(), expected_kind: TokenKind::Access };
        let found = self.service.introspect(&self.caller, &request).await.expect("an answer");
        matches!(found, Introspection::Active(_))
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, jeton::domain::error::Error> {
        let (refresh_token, _) = tokens.refresh.clone().expect("a refresh token");
        let request =
            Refresh { refresh_token, scopes: Scopes::default(), origin: Origin::default() };
        self.service.refresh(&self.caller, &request).await
    }

    async fn grant(&self, id: GrantId) -> Stored<Grant> {
        self.store.grants().get(&id).await.expect("a read").expect("the grant")
    }

    async fn last_used(&self, id: GrantId) -> Option<Timestamp> {
        self.service.flush_uses().await.expect("uses are written");
        self.grant(id).await.last_used
    }
}

#[tokio::test]
async fn a_use_is_noted_once_a_quarter_of_an_hour_however_often_it_happens() {
    let (scene, tokens) = Scene::new().await;
    let id = tokens.grant_id;
    assert!(scene.introspect(&tokens.access_token).await);
    assert_eq!(scene.last_used(id).await, None, "the issue says as much");

    scene.pass(NEARLY);
    let tokens = scene.refresh(&tokens).await.expect("a rotation");
    assert!(scene.introspect(&tokens.access_token).await);
    assert_eq!(scene.last_used(id).await, None, "a second before the quarter");

    scene.pass(Duration::from_secs(1));
    let (version, noted) = (scene.grant(id).await.version(), scene.clock.now());
    for _ in 0..10_000 {
        assert!(scene.introspect(&tokens.access_token).await);
    }
    assert_eq!(scene.last_used(id).await, Some(noted));
    let written = scene.grant(id).await.version();
    assert_eq!(written.as_u64(), version.as_u64() + 1, "one write");

    scene.pass(QUARTER / 2);
    for _ in 0..10_000 {
        assert!(scene.introspect(&tokens.access_token).await);
    }
    assert_eq!(scene.last_used(id).await, Some(noted));
    assert_eq!(scene.grant(id).await.version(), written, "and no other");
}

#[tokio::test]
async fn what_is_no_use_is_not_noted() {
    let (scene, tokens) = Scene::new().await;
    let id = tokens.grant_id;
    scene.pass(NEARLY);
    let rotated = scene.refresh(&tokens).await.expect("a rotation");
    scene.pass(OVERLAP);
    assert!(!scene.introspect(&tokens.access_token).await, "superseded");
    let (refresh_token, _) = rotated.refresh.clone().expect("a refresh token");
    let request = Introspect { token: refresh_token, expected_kind: TokenKind::Refresh };
    scene.service.introspect(&scene.caller, &request).await.expect("an answer");
    assert_eq!(scene.last_used(id).await, None);
}

/// Compares everything but the time of last use.
async fn assert_untouched(scene: &Scene, before: &Grant) {
    let after = scene.grant(before.id).await;
    assert!(after.last_used.is_some());
    assert_eq!(Grant { last_used: before.last_used, ..(*after).clone() }, *before);
}

#[tokio::test]
async fn the_retry_window_and_the_detection_of_replays_do_not_notice_the_write() {
    let (scene, first) = Scene::new().await;
    scene.pass(QUARTER);
    let second = scene.refresh(&first).await.expect("a rotation");
    let before = scene.grant(first.grant_id).await;
    let changes = scene.store.head().await.expect("the end of the feed").0;
    assert!(scene.introspect(&second.access_token).await);
    scene.service.flush_uses().await.expect("uses are written");
    assert_untouched(&scene, &before).await;
    assert_eq!(
        scene.store.head().await.expect("the end of the feed").0,
        changes,
        "no event of the feed"
    );

    let again = scene.refresh(&first).await.expect("a retry within the window");
    assert_eq!(again.access_token.expose(), second.access_token.expose());
    scene.pass(WINDOW);
    assert!(scene.refresh(&first).await.is_err(), "a replay");
    assert!(!scene.introspect(&second.access_token).await, "which ended the grant");
    assert_eq!(scene.store.head().await.expect("the end of the feed").0, changes + 1);
}

#[tokio::test]
async fn a_use_that_is_written_late_revives_nothing_and_undoes_nothing() {
    let (scene, tokens) = Scene::new().await;
    scene.pass(NEARLY);
    let tokens = scene.refresh(&tokens).await.expect("a rotation");
    scene.pass(Duration::from_secs(1));
    assert!(scene.introspect(&tokens.access_token).await);
    let noted = scene.service.noted_uses().await;
    assert_eq!(noted.len(), 1);
    let request = Revoke {
        token: tokens.access_token.clone(),
        scope: RevokeScope::WholeGrant,
        origin: Origin::default(),
    };
    scene.service.revoke(&scene.caller, &request).await.expect("a revocation");
    let revoked = scene.grant(tokens.grant_id).await;
    scene.service.write_uses(noted.clone()).await.expect("nothing to write");
    assert_eq!(scene.grant(tokens.grant_id).await.version(), revoked.version());

    let freed = Write::<Grant>::Delete(revoked.version(), revoked.id);
    scene.store.grants().write(freed).await.expect("the sweeper's delete");
    scene.service.write_uses(noted).await.expect("nothing to write");
    let token = Token::parse(tokens.access_token.expose()).expect("a token");
    let found: Option<Stored<Grant>> =
        scene.store.grants().get(&token.grant_id).await.expect("a read");
    assert!(found.is_none());
}
