//! Service and model side by side: takes a step in both and compares.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::{
    domain::{
        audience::Audience,
        cause::Cause,
        client::{Client, Permissions},
        client_secret,
        epoch::Epoch,
        error::Error,
        grant::{Grant, Origin},
        grant_selector::{GrantSelector, SubjectName},
        hash_cost::HashCost,
        key_ring::{KeyRing, ServerKey},
        lockout::LockoutPolicy,
        policy::{Policies, RotationPolicy},
        revoke::RevokeScope,
        scopes::Scopes,
        secret::Secret,
        time::{Clock as _, Timestamp},
        token::TokenKind,
        user::User,
    },
    service::{
        Admin, Caller, Credentials, HashPool, Introspect, Introspection, Issue, IssueGrant,
        Refresh, Revoke, SWEEP_STEP, Service,
    },
    store::{Records as _, Store as _, Stored, Write, memory::MemoryStore},
};

use super::{
    clock::HandClock,
    dice::{Dice, DiceEntropy},
    parties::{client, client_id, user, user_id},
    rules::{ACCESS, Expected, GRANT, GrantModel, OVERLAP, Pair, SHORTEST, WINDOW},
    seen::Seen,
    signatures::{signed, signing},
};

const CLIENTS: usize = 3;
const USERS: usize = 4;
const MAX_GRANTS: usize = 24;
const HUNDRED_DAYS: u64 = 100 * 24 * 60 * 60 * 1_000;
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// Error of the clock, and the age of the process then.
#[derive(Clone, Copy)]
struct Wrong {
    ahead: bool,
    since: Duration,
}

/// A client or user as the model knows it.
#[derive(Default)]
struct Party {
    epoch: u64,
    disabled: bool,
}

pub(crate) struct World {
    seed: u64,
    dice: Dice,
    clock: Arc<HandClock>,
    store: MemoryStore,
    entropy: Arc<DiceEntropy>,
    service: Service<MemoryStore>,
    admin: Admin,
    client_secrets: Vec<Secret>,
    clients: Vec<Party>,
    users: Vec<Party>,
    grants: Vec<GrantModel>,
    wrong: Option<Wrong>,
    /// The latest that the clock said while it was right.
    right: Timestamp,
    seen: Seen,
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let entropy = Arc::new(DiceEntropy(Mutex::new(Dice::new(!seed))));
        let store = MemoryStore::new();
        let clock = Arc::new(HandClock::new());
        let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
        let hashes = HashPool::start(1, cost, entropy.clone()).expect("a pool");
        let password = hashes.hash(Secret::new("password")).await.expect("a hash");
        let mut client_secrets = Vec::new();
        for number in 0..CLIENTS {
            let secret = client_secret::generate(&*entropy);
            let client = client(number, &secret, &*entropy, clock.now());
            // Access tokens of every other client are signed: the rules are the same.
            let client = if number.is_multiple_of(2) { client } else { signed(client) };
            store.clients().write(Write::Insert(client)).await.expect("a client");
            client_secrets.push(secret);
        }
        let admin_secret = client_secret::generate(&*entropy);
        let permissions = Permissions { admin: true, ..Permissions::default() };
        let admin = client(CLIENTS, &admin_secret, &*entropy, clock.now());
        let admin = Client { permissions, ..admin };
        store.clients().write(Write::Insert(admin)).await.expect("an administrator");
        for number in 0..USERS {
            let user = user(number, &password, &*entropy, clock.now());
            store.users().write(Write::Insert(user)).await.expect("a user");
        }
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let policy = RotationPolicy { retry_window: WINDOW, access_overlap: OVERLAP };
        // Lockout has tests of its own; here no wait stands between the steps.
        let lockout = LockoutPolicy { failures: u32::MAX, ..LockoutPolicy::default() };
        let policies = Policies { rotation: policy, lockout, ..Policies::default() };
        let service =
            Service::builder(store.clone(), keys, hashes, clock.clone(), entropy.clone(), policies);
        let service = service.signing(signing(&*entropy)).build();
        let credentials = Credentials::of_secret(client_id(CLIENTS).to_string(), admin_secret);
        let admin =
            service.authentication.authenticate_caller(&credentials).await.expect("a caller");
        let admin = service
            .authentication
            .authorize_admin(admin, Origin::default())
            .expect("an administrator");
        Self {
            seed,
            dice: Dice::new(seed),
            clock,
            store,
            entropy,
            service,
            admin,
            client_secrets,
            clients: (0..CLIENTS).map(|_| Party::default()).collect(),
            users: (0..USERS).map(|_| Party::default()).collect(),
            grants: Vec::new(),
            wrong: None,
            right: Timestamp::default(),
            seen: Seen::default(),
        }
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(crate) async fn step(&mut self, number: u64) {
        let context = format!("JETON_MODEL_SEED={} at step {number}", self.seed);
        match self.dice.below(1_000) {
            0..80 => self.issue(&context).await,
            80..480 => self.refresh(&context).await,
            480..500 => self.revoke(&context).await,
            500..800 => self.introspect(&context).await,
            800..980 => {
                self.move_clock();
                // The sweeper looks at the clock all the time.
                self.service.upkeep.sweep(0).await.expect(&context);
            }
            980..984 => self.toggle(&context).await,
            984..986 => self.end_all().await,
            _ => self.sweep(&context).await,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Somebody sets the clock wrong by a hundred days, and right again within half an hour.
    fn set_clock(&mut self) {
        let age = self.clock.age();
        match self.wrong {
            None if self.dice.below(400) == 0 => {
                let ahead = self.dice.percent(50);
                if ahead {
                    self.clock.set_ahead(HUNDRED_DAYS);
                } else {
                    self.clock.set_back(HUNDRED_DAYS);
                }
                self.wrong = Some(Wrong { ahead, since: age });
            }
            Some(Wrong { ahead, since }) if age > since + HALF_AN_HOUR => {
                if ahead {
                    self.clock.set_back(HUNDRED_DAYS);
                } else {
                    self.clock.set_ahead(HUNDRED_DAYS);
                }
                self.wrong = None;
                self.seen.set_right += 1;
            }
            None | Some(_) => {}
        }
    }

    fn move_clock(&mut self) {
        self.set_clock();
        let millis = match self.dice.below(100) {
            0..80 => self.dice.below(20_000),
            80..94 => self.dice.below(600_000),
            94 if self.wrong.is_none() => self.dice.below(9_000_000),
            94 => 0,
            // The clock is set back, or another instance's is behind.
            95..99 => return self.clock.set_back(self.dice.below(10_000) as u64),
            _ => return self.clock.set_back(self.dice.below(300_000) as u64),
        };
        self.clock.advance(millis as u64);
        if self.wrong.is_none() {
            self.right = self.right.max(self.now());
        }
    }

    fn alive(&self, grant: &GrantModel) -> bool {
        let client = &self.clients[grant.client];
        let user = grant.user.map(|user| &self.users[user]);
        !grant.ended
            && !grant.freed
            && self.now() < grant.end
            && !client.disabled
            && client.epoch == grant.client_epoch
            && user.is_none_or(|user| !user.disabled && user.epoch == grant.user_epoch)
    }

    async fn caller(&self, client: usize) -> Result<Caller, Error> {
        let secret = self.client_secrets[client].clone();
        let credentials = Credentials::of_secret(client_id(client).to_string(), secret);
        self.service.authentication.authenticate_client(&credentials).await
    }

    async fn issue(&mut self, context: &str) {
        if self.grants.len() == MAX_GRANTS {
            // Forget one: the service goes on knowing it, and the sweeper finds it.
            let forgotten = self.dice.below(MAX_GRANTS);
            self.grants.swap_remove(forgotten);
        }
        let client = self.dice.below(CLIENTS);
        let user = self.dice.percent(80).then(|| self.dice.below(USERS));
        let Ok(caller) = self.caller(client).await else {
            assert!(self.clients[client].disabled, "{context}");
            return;
        };
        assert!(!self.clients[client].disabled, "{context}");
        let wrong = self.dice.percent(5);
        let grant = match user {
            None => IssueGrant::ClientCredentials,
            Some(user) => IssueGrant::Password {
                username: format!("USER-{user}"),
                password: Secret::new(if wrong { "wrong" } else { "password" }),
            },
        };
        let request = Issue {
            grant,
            scopes: Scopes::default(),
            audience: Audience::default(),
            ttl: None,
            request_id: None,
            origin: Origin::default(),
        };
        let refused = user.is_some_and(|user| wrong || self.users[user].disabled);
        match self.service.tokens.issue(&caller, request).await {
            Err(error) => {
                assert!(refused && matches!(error, Error::InvalidGrant(_)), "{context}: {error:?}");
            }
            Ok(tokens) => {
                assert!(!refused, "{context}");
                let pair = Pair {
                    access: tokens.access_token.expose().into(),
                    refresh: tokens.refresh.map(|(token, _)| token.expose().into()),
                    made: self.now(),
                    access_revoked: false,
                    narrowed: false,
                };
                assert_eq!(pair.refresh.is_some(), user.is_some(), "{context}");
                let lifetime = if user.is_some() { GRANT } else { ACCESS };
                self.grants.push(GrantModel {
                    id: tokens.grant_id,
                    client,
                    user,
                    client_epoch: self.clients[client].epoch,
                    user_epoch: user.map_or(0, |user| self.users[user].epoch),
                    pairs: vec![pair],
                    end: self.now().after(lifetime),
                    ended: false,
                    freed: false,
                });
                self.seen.issued += 1;
            }
        }
    }

    /// A grant, one of its pairs (mostly a new one), and whether the grant is alive.
    fn choose(&mut self) -> Option<(usize, usize, bool)> {
        let grant = self.dice.below(self.grants.len());
        let newest = self.grants.get(grant)?.newest();
        let back = [0, 0, 0, 0, 0, 1, 1, 1, 2, 3][self.dice.below(10)];
        let alive = self.alive(&self.grants[grant]);
        Some((grant, newest.saturating_sub(back), alive))
    }

    async fn refresh(&mut self, context: &str) {
        let Some((at, pair, alive)) = self.choose() else { return };
        let Some(token) = self.grants[at].pairs[pair].refresh.clone() else { return };
        let foreign = self.dice.percent(5);
        let client =
            if foreign { (self.grants[at].client + 1) % CLIENTS } else { self.grants[at].client };
        let Ok(caller) = self.caller(client).await else { return };
        let narrowed = self.dice.percent(10);
        let scopes = Scopes::parse(if narrowed { "read" } else { "" }).expect("scopes");
        let now = self.now();
        let expected = if foreign {
            Expected::Refused
        } else {
            self.grants[at].on_refresh(pair, narrowed, alive, now)
        };
        let origin = Origin::default();
        let (refresh_token, audience) = (Secret::new(token), Audience::default());
        let request = Refresh { refresh_token, scopes, audience, origin };
        let answer = self.service.tokens.refresh(&caller, &request).await;
        let grant = &mut self.grants[at];
        let newest = grant.newest();
        match (expected, answer) {
            (Expected::Rotated, Ok(tokens)) => {
                let access = tokens.access_token.expose().to_owned();
                let refresh = tokens.refresh.map(|(token, _)| token.expose().to_owned());
                let known = |pair: &Pair| pair.access == access || pair.refresh == refresh;
                assert!(!grant.pairs.iter().any(known), "{context}: the pair is new");
                let made = now;
                grant.pairs.push(Pair { access, refresh, made, access_revoked: false, narrowed });
                self.seen.rotated += 1;
            }
            (Expected::Repeated, Ok(tokens)) => {
                let same = &grant.pairs[newest];
                let refresh = tokens.refresh.expect("a refresh token").0;
                assert_eq!(same.access, tokens.access_token.expose(), "{context}");
                assert_eq!(same.refresh.as_deref(), Some(refresh.expose()), "{context}");
                let left = same.made.after(ACCESS).min(grant.end).since(now.max(same.made));
                assert!(tokens.expires_in >= SHORTEST, "{context}");
                assert_eq!(tokens.expires_in, Duration::from_secs(left.as_secs()), "{context}");
                self.seen.repeated += 1;
            }
            (Expected::OtherScopes, Err(Error::InvalidRequest { .. })) => {
                self.seen.other_scopes += 1;
            }
            (Expected::Refused, Err(Error::InvalidGrant(_))) => self.seen.refused += 1,
            (Expected::Ends, Err(Error::InvalidGrant(_))) => {
                grant.ended = true;
                self.seen.ended_by_replay += 1;
            }
            (expected, answer) => panic!("{context}: {expected:?}, but {answer:?}"),
        }
    }

    async fn revoke(&mut self, context: &str) {
        let Some((at, pair, _)) = self.choose() else { return };
        let by_refresh = self.dice.percent(50) && self.grants[at].pairs[pair].refresh.is_some();
        let chosen = &self.grants[at].pairs[pair];
        let token = if by_refresh { chosen.refresh.clone() } else { None };
        let token = Secret::new(token.unwrap_or_else(|| chosen.access.clone()));
        let foreign = self.dice.percent(20);
        let client =
            if foreign { (self.grants[at].client + 1) % CLIENTS } else { self.grants[at].client };
        let Ok(caller) = self.caller(client).await else { return };
        let access_only = self.dice.percent(60);
        let scope =
            if access_only { RevokeScope::AccessTokenOnly } else { RevokeScope::WholeGrant };
        let swept = self.is_swept(at).await;
        let origin = Origin::default();
        let answer = self.service.tokens.revoke(&caller, &Revoke { token, scope, origin }).await;
        let grant = &mut self.grants[at];
        if let Err(error) = answer {
            assert_eq!(
                (error, foreign),
                (Error::InvalidGrant(Cause::WrongClient), true),
                "{context}"
            );
        } else {
            assert!(!foreign || swept, "{context}: a foreign token was revoked");
            if !foreign && !grant.ended {
                if access_only {
                    grant.revoke_access(pair, by_refresh);
                } else {
                    grant.ended = true;
                }
            }
            self.seen.revoked += 1;
        }
    }

    /// Returns whether the sweeper freed the grant: then its tokens are unknown.
    async fn is_swept(&self, at: usize) -> bool {
        let grant = &self.grants[at];
        let found: Option<Stored<Grant>> =
            self.store.grants().get(&grant.id).await.expect("a read");
        found.is_none()
    }

    async fn introspect(&mut self, context: &str) {
        let Some((at, pair, alive)) = self.choose() else { return };
        let now = self.now();
        let by_refresh = self.dice.percent(30) && self.grants[at].pairs[pair].refresh.is_some();
        let as_access = self.dice.percent(50);
        let caller_number = self.dice.below(CLIENTS);
        let Ok(caller) = self.caller(caller_number).await else { return };
        let grant = &self.grants[at];
        let chosen = &grant.pairs[pair];
        let token = if by_refresh { chosen.refresh.clone() } else { None };
        let token = Secret::new(token.unwrap_or_else(|| chosen.access.clone()));
        // Client 0 sees every access token, the others their own.
        let own = caller_number == grant.client;
        let expected_kind = if as_access { TokenKind::Access } else { TokenKind::Refresh };
        let expected = if by_refresh {
            own && !as_access && grant.refresh_is_good(pair, alive, now)
        } else {
            (own || caller_number == 0) && as_access && grant.access_is_good(pair, alive, now)
        };
        let request = Introspect { token, expected_kind };
        let found =
            self.service.introspection.introspect(&caller, &request).await.expect("an answer");
        let active = match &found {
            Introspection::Active(token) => {
                let narrowed = !by_refresh && chosen.narrowed;
                let scopes = if narrowed { "read" } else { "read write" };
                assert_eq!(token.scopes().as_str(), scopes, "{context}");
                assert!(token.cache_ttl <= token.expire_time.since(now), "{context}");
                assert_eq!(token.grant().client_id, client_id(grant.client), "{context}");
                true
            }
            Introspection::Inactive(_) => false,
        };
        assert_eq!(active, expected, "{context}: {found:?}");
        if active {
            self.seen.active += 1;
        } else {
            self.seen.inactive += 1;
        }
    }

    /// Disables or enables a client or user as an administrator would: disabling moves the epoch.
    async fn toggle(&mut self, context: &str) {
        let epoch = Epoch::generate(&*self.entropy);
        if self.dice.percent(30) {
            let number = self.chosen(CLIENTS, |world, number| world.clients[number].disabled);
            let party = &mut self.clients[number];
            party.disabled = !party.disabled;
            party.epoch += u64::from(party.disabled);
            let disabled = party.disabled;
            let found = self.store.clients().get(&client_id(number)).await.expect("a read");
            let found: Stored<Client> = found.expect("the client");
            let epoch = if disabled { epoch } else { found.epoch };
            let next = Client { disabled, epoch, ..(*found).clone() };
            let written = self.store.clients().write(Write::Replace(found.version(), next)).await;
            written.expect(context);
        } else {
            let number = self.chosen(USERS, |world, number| world.users[number].disabled);
            let party = &mut self.users[number];
            party.disabled = !party.disabled;
            party.epoch += u64::from(party.disabled);
            let disabled = party.disabled;
            let found = self.store.users().get(&user_id(number)).await.expect("a read");
            let found: Stored<User> = found.expect("the user");
            let epoch = if disabled { epoch } else { found.epoch };
            let next = User { disabled, epoch, ..(*found).clone() };
            let written = self.store.users().write(Write::Replace(found.version(), next)).await;
            written.expect(context);
        }
    }

    /// Mostly one that is disabled, if there is one: most of the time everybody is enabled.
    fn chosen(&mut self, count: usize, disabled: impl Fn(&Self, usize) -> bool) -> usize {
        let any = self.dice.below(count);
        let prefer = self.dice.percent(90);
        (0..count).find(|number| prefer && disabled(self, *number)).unwrap_or(any)
    }

    async fn end_all(&mut self) {
        if self.dice.percent(30) {
            let number = self.dice.below(CLIENTS);
            let of = GrantSelector::Client(client_id(number));
            self.service.grants.revoke_grants(&self.admin, &of).await.expect("ended");
            self.clients[number].epoch += 1;
        } else {
            let number = self.dice.below(USERS);
            let of = GrantSelector::Subject(SubjectName::User(user_id(number)));
            self.service.grants.revoke_grants(&self.admin, &of).await.expect("ended");
            self.users[number].epoch += 1;
        }
    }

    async fn sweep(&mut self, context: &str) {
        self.seen.swept += self.service.upkeep.sweep(SWEEP_STEP).await.expect(context);
        for at in 0..self.grants.len() {
            if !self.grants[at].freed && self.is_swept(at).await {
                let spent = self.grants[at].spent();
                assert!(spent <= self.right, "{context}: freed before {spent:?}");
                self.grants[at].freed = true;
            }
        }
        // The times of last use may be written at any moment: it must not matter to anything else.
        self.service.upkeep.flush_uses().await.expect(context);
    }
}
