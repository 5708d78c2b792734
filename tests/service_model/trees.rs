//! Trees of grants by token exchange, against a plain model: nothing is alive under a grant that is not.

use std::sync::{Arc, Mutex};

use jeton::{
    domain::{
        audience::Audience,
        client::{Client, Permissions},
        client_secret,
        error::Error,
        grant::Origin,
        grant_id::GrantId,
        grant_selector::{GrantSelector, SubjectName},
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        lockout::LockoutPolicy,
        policy::{Policies, RotationPolicy},
        presented_token::TokenText,
        revoke::RevokeScope,
        scopes::Scopes,
        secret::Secret,
        time::{Clock as _, Timestamp},
        token::TokenKind,
    },
    service::{
        Admin, Caller, Credentials, HashPool, Introspect, Introspection, Issue, IssueGrant,
        Refresh, Revoke, SWEEP_STEP, Service, SubjectTokenKind, TokenExchange, Tokens,
    },
    store::{Records as _, Store as _, Write, memory::MemoryStore},
};

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id, user, user_id},
    rules::{GRANT, OVERLAP, WINDOW},
    signatures::{signed, signing},
};

const CLIENTS: usize = 4;
const USERS: usize = 2;
const STEPS: usize = 1_500;
/// Grants that are watched: the oldest are forgotten by the model.
const MOST: usize = 60;

struct Node {
    id: GrantId,
    client: usize,
    user: usize,
    /// Place of the parent.
    parent: Option<usize>,
    depth: usize,
    access: Secret,
    access_end: Timestamp,
    /// Refresh tokens, the newest last.
    refresh: Vec<Secret>,
    end: Timestamp,
    ended: bool,
    client_epoch: u64,
    user_epoch: u64,
}

struct Forest {
    dice: Dice,
    clock: Arc<HandClock>,
    store: MemoryStore,
    entropy: Arc<DiceEntropy>,
    service: Service<MemoryStore>,
    credentials: Vec<Credentials>,
    admin: Admin,
    nodes: Vec<Node>,
    client_epochs: [u64; CLIENTS],
    user_epochs: [u64; USERS],
    exchanged: usize,
    refused: usize,
    dead_below: usize,
}

fn service_over(
    store: &MemoryStore,
    clock: &Arc<HandClock>,
    entropy: &Arc<DiceEntropy>,
) -> Service<MemoryStore> {
    let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
    let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
    let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
    let rotation = RotationPolicy { retry_window: WINDOW, access_overlap: OVERLAP };
    let lockout = LockoutPolicy { failures: u32::MAX, ..LockoutPolicy::default() };
    let policies = Policies { rotation, lockout, ..Policies::default() };
    let service =
        Service::builder(store.clone(), keys, hashes, clock.clone(), entropy.clone(), policies);
    // The same key at every start.
    service.signing(signing(&DiceEntropy(Mutex::new(Dice::new(7))))).build()
}

impl Forest {
    async fn new(seed: u64) -> Self {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(!seed))));
        let (store, clock) = (MemoryStore::new(), Arc::new(HandClock::new()));
        let service = service_over(&store, &clock, &entropy);
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
        let password = hashes.hash(Secret::new("password")).await.expect("a hash");
        let names: Vec<String> = (0..CLIENTS).map(|number| client_id(number).to_string()).collect();
        let everybody = Audience::from_names(names.iter().map(String::as_str)).expect("names");
        let mut secrets = Vec::new();
        for number in 0..CLIENTS {
            let secret = client_secret::generate(&*entropy);
            let made = client(number, &secret, &*entropy, clock.now());
            let permissions = Permissions { admin: number == 0, ..Permissions::default() };
            // Access tokens of one client are signed, and for one service each.
            let made = if number == 1 { signed(made) } else { made };
            let (audience, may_exchange_to) = (everybody.clone(), everybody.clone());
            let made = Client { audience, may_exchange_to, permissions, ..made };
            store.clients().write(Write::Insert(made)).await.expect("a client");
            secrets.push(secret);
        }
        for number in 0..USERS {
            let user = user(number, &password, &*entropy, clock.now());
            store.users().write(Write::Insert(user)).await.expect("a user");
        }
        let secrets = secrets.into_iter().enumerate();
        let credentials: Vec<_> = secrets
            .map(|(number, secret)| Credentials::of_secret(client_id(number).to_string(), secret))
            .collect();
        let admin =
            service.authentication.authenticate_caller(&credentials[0]).await.expect("a caller");
        let admin = service.authentication.authorize_admin(admin, Origin::default());
        Self {
            dice: Dice::new(seed),
            admin: admin.expect("an administrator"),
            clock,
            store,
            entropy,
            service,
            credentials,
            nodes: Vec::new(),
            client_epochs: [0; CLIENTS],
            user_epochs: [0; USERS],
            exchanged: 0,
            refused: 0,
            dead_below: 0,
        }
    }

    /// The client with its record of now, whose epoch its grants keep.
    async fn caller(&self, client: usize) -> Caller {
        let credentials = &self.credentials[client];
        self.service.authentication.authenticate_client(credentials).await.expect("a caller")
    }

    /// By the rules: a grant is alive while its parent is.
    fn is_alive(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        !node.ended
            && self.clock.now() < node.end
            && self.client_epochs[node.client] == node.client_epoch
            && self.user_epochs[node.user] == node.user_epoch
            && node.parent.is_none_or(|parent| self.is_alive(parent))
    }

    fn is_active(&self, at: usize) -> bool {
        self.is_alive(at) && self.clock.now() < self.nodes[at].access_end
    }

    async fn issue(&mut self, client: usize, grant: IssueGrant) -> Result<Tokens, Error> {
        let mut audience = Audience::default();
        if client == 1 || self.dice.percent(30) {
            let one = client_id(self.dice.below(CLIENTS));
            audience = Audience::from_names([one.as_str()]).expect("a name");
        }
        let request = Issue {
            grant,
            scopes: Scopes::default(),
            audience,
            ttl: None,
            request_id: None,
            origin: Origin::default(),
        };
        let caller = self.caller(client).await;
        self.service.tokens.issue(&caller, request).await
    }

    fn add(&mut self, tokens: Tokens, client: usize, user: usize, parent: Option<usize>) {
        let access_end = tokens.expire_time;
        let root_end = self.clock.now().after(GRANT);
        self.nodes.push(Node {
            id: tokens.grant_id,
            client,
            user,
            parent,
            depth: parent.map_or(0, |parent| self.nodes[parent].depth + 1),
            access: tokens.access_token,
            access_end,
            refresh: tokens.refresh.into_iter().map(|(token, _)| token).collect(),
            end: if parent.is_some() { access_end } else { root_end },
            ended: false,
            client_epoch: self.client_epochs[client],
            user_epoch: self.user_epochs[user],
        });
    }

    async fn log_in(&mut self) {
        let (client, user) = (self.dice.below(CLIENTS), self.dice.below(USERS));
        let (username, password) = (format!("user-{user}"), Secret::new("password"));
        let tokens = self.issue(client, IssueGrant::Password { username, password }).await;
        self.add(tokens.expect("a login"), client, user, None);
    }

    async fn exchange(&mut self, at: usize) {
        let client = self.dice.below(CLIENTS);
        let subject_token = self.nodes[at].access.clone();
        let shown =
            TokenExchange { subject_token, kind: SubjectTokenKind::Access, actor_token: None };
        let (active, depth) = (self.is_active(at), self.nodes[at].depth);
        let named = self.names(at, client).await;
        let left = self.nodes[at].access_end.since(self.clock.now());
        let may = active && depth < 4 && named && left.as_millis() >= 1_000;
        match self.issue(client, IssueGrant::TokenExchange(shown)).await {
            Ok(tokens) => {
                assert!(may, "exchanged although it may not be");
                assert!(
                    tokens.expire_time <= self.nodes[at].access_end && tokens.refresh.is_none()
                );
                let user = self.nodes[at].user;
                self.add(tokens, client, user, Some(at));
                self.exchanged += 1;
            }
            Err(error) => {
                assert!(!may && matches!(error, Error::InvalidRequest { .. }), "{error:?}");
                self.refused += 1;
            }
        }
    }

    /// Returns whether the grant's record names the client as a service.
    async fn names(&self, at: usize, client: usize) -> bool {
        let id = self.nodes[at].id;
        let grant = self.service.grants.get_grant(&self.admin, id).await;
        grant.is_ok_and(|shown| shown.grant.audience.names_client(&client_id(client)))
    }

    async fn refresh(&mut self, at: usize) {
        let node = &self.nodes[at];
        let (client, newest) = (node.client, node.refresh.len());
        if newest == 0 {
            return;
        }
        let old = newest > 1 && self.dice.percent(20);
        let refresh_token = self.nodes[at].refresh[newest - 1 - usize::from(old)].clone();
        if old {
            // Beyond the window of a retry: somebody has a copy.
            self.clock.advance(u64::try_from(WINDOW.as_millis()).expect("short") + 1);
        }
        let (scopes, audience) = (Scopes::default(), Audience::default());
        let request = Refresh { refresh_token, scopes, audience, origin: Origin::default() };
        let alive = self.is_alive(at);
        let caller = self.caller(client).await;
        match self.service.tokens.refresh(&caller, &request).await {
            Ok(tokens) => {
                assert!(alive && !old);
                let node = &mut self.nodes[at];
                node.access = tokens.access_token;
                node.access_end = tokens.expire_time;
                node.refresh.extend(tokens.refresh.map(|(token, _)| token));
            }
            Err(error) => {
                assert!(matches!(error, Error::InvalidGrant(_)), "{error:?}");
                self.nodes[at].ended |= old && alive;
            }
        }
    }

    async fn end(&mut self, at: usize) {
        match self.dice.below(8) {
            0 => {
                let user = self.nodes[at].user;
                let of = GrantSelector::Subject(SubjectName::User(user_id(user)));
                self.service.grants.revoke_grants(&self.admin, &of).await.expect("ended");
                self.user_epochs[user] += 1;
            }
            1 => {
                let client = self.nodes[at].client;
                let of = GrantSelector::Client(client_id(client));
                self.service.grants.revoke_grants(&self.admin, &of).await.expect("ended");
                self.client_epochs[client] += 1;
            }
            2 => {
                let ended = self.service.grants.revoke_grant(&self.admin, self.nodes[at].id).await;
                self.nodes[at].ended |= ended.is_ok();
            }
            _ => {
                let (token, scope) = (self.nodes[at].access.clone(), RevokeScope::WholeGrant);
                let request = Revoke { token, scope, origin: Origin::default() };
                let caller = self.caller(self.nodes[at].client).await;
                self.service.tokens.revoke(&caller, &request).await.expect("revoked");
                self.nodes[at].ended = true;
            }
        }
    }

    /// Another process over the same store, and the sweeper.
    async fn restart(&mut self) {
        self.service.upkeep.sweep(0).await.expect("a look at the clock");
        self.service.upkeep.sweep(SWEEP_STEP).await.expect("swept");
        self.service = service_over(&self.store, &self.clock, &self.entropy);
    }

    async fn step(&mut self) {
        let at = self.dice.below(self.nodes.len());
        match self.dice.below(100) {
            _ if self.nodes.is_empty() => self.log_in().await,
            0..15 => self.log_in().await,
            15..60 => self.exchange(at).await,
            60..70 => self.refresh(at).await,
            70..78 => self.end(at).await,
            78..80 => self.restart().await,
            _ => self.clock.advance(self.dice.below(200_000) as u64),
        }
        if self.nodes.len() > MOST {
            self.nodes.clear();
        }
    }

    async fn compare(&mut self, context: &str) {
        let texts = self.nodes.iter().map(|node| TokenText::parse(node.access.expose()));
        let texts: Vec<_> = texts.collect();
        let caller = self.caller(0).await;
        let together = self.service.introspection.introspect_all(&caller, texts.into_iter()).await;
        let together = together.expect("answers");
        for (at, together) in together.iter().enumerate() {
            let (token, expected_kind) = (self.nodes[at].access.clone(), TokenKind::Access);
            let request = Introspect { token, expected_kind };
            let alone =
                self.service.introspection.introspect(&caller, &request).await.expect("told");
            let expected = self.is_active(at);
            for found in [&alone, together] {
                let active = matches!(found, Introspection::Active(_));
                assert_eq!(active, expected, "{context}: grant {at} of {}", self.nodes.len());
            }
            let own = !self.nodes[at].ended && self.clock.now() < self.nodes[at].access_end;
            self.dead_below += usize::from(own && !expected && self.nodes[at].depth > 0);
        }
    }
}

#[tokio::test]
async fn nothing_is_alive_under_a_grant_that_is_not() {
    let seed = super::number("JETON_MODEL_SEED").unwrap_or_else(Dice::fresh_seed);
    println!("JETON_MODEL_SEED={seed}");
    let mut forest = Forest::new(seed).await;
    for step in 0..STEPS {
        forest.step().await;
        forest.compare(&format!("JETON_MODEL_SEED={seed} at step {step}")).await;
    }
    let Forest { exchanged, refused, dead_below, .. } = forest;
    println!("{exchanged} exchanged, {refused} refused, {dead_below} times dead by a parent alone");
    assert!(exchanged > 50 && refused > 50 && dead_below > 50, "the run saw too little");
}
