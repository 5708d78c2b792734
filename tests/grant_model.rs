//! The transitions of one grant against a plain model of the rules, over random operations and clock steps.

use std::time::Duration;

use jeton::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    declared::Declared,
    entropy::Entropy,
    epoch::Epoch,
    error::Error,
    grant::{Grant, Origin},
    grant_id::GrantId,
    grant_type::GrantType,
    issue::{IssueRequest, REPEAT_WINDOW, issue, reissue},
    judge::judge,
    key_ring::{KeyRing, Salt, ServerKey},
    liveness::{ClientAndUser, Lineage},
    pair::TokenPair,
    policy::RotationPolicy,
    presented_token::{JwtId, PresentedToken, SignedAccess},
    refresh::{Refresh, RefreshRequest, refresh},
    revoke::{Revoke, RevokeScope, revoke},
    scopes::Scopes,
    subject::Subject,
    time::Timestamp,
    token::{Token, TokenKind},
};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_secs(900),
    refresh: Duration::from_secs(5_000),
    grant: Duration::from_secs(20_000),
};

const HUNDRED_DAYS: i64 = 100 * 24 * 60 * 60 * 1_000;
const SECOND: Duration = Duration::from_secs(1);

/// Different bytes on every draw, the same in every run.
struct Counting(std::sync::atomic::AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Presents the refresh (or access) token of the n-th generation from the newest.
    Refresh {
        back: usize,
        access: bool,
        narrow: bool,
    },
    Revoke {
        back: usize,
        refresh: bool,
        access_only: bool,
    },
    /// Repeats the request that made the grant.
    Repeat,
    Clock {
        millis: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let back = prop_oneof![6 => Just(0usize), 3 => Just(1usize), 1 => 2usize..6];
    let clock = prop_oneof![
        5 => 0i64..90_000,
        3 => 0i64..6_000_000,
        2 => -120_000i64..0,
        2 => -10i64..0,
        1 => prop::sample::select(vec![-HUNDRED_DAYS, HUNDRED_DAYS]),
    ];
    prop_oneof![
        8 => (back.clone(), prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(|(back, access, narrow)| Step::Refresh { back, access, narrow }),
        1 => (back, any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(back, refresh, access_only)| Step::Revoke { back, refresh, access_only }),
        1 => Just(Step::Repeat),
        6 => clock.prop_map(|millis| Step::Clock { millis }),
    ]
}

/// One generation by the rules, in plain words.
struct Made {
    pair: TokenPair,
    time: Timestamp,
    access_end: Timestamp,
    refresh_end: Timestamp,
    access_revoked: bool,
    narrow: bool,
}

struct World {
    client: Client,
    keys: KeyRing,
    policy: RotationPolicy,
    request: IssueRequest,
    entropy: Counting,
    grant: Grant,
    now: Timestamp,
    salts: u8,
    // The model: every generation so far, first pairs that a repeat has replaced, and two facts.
    made: Vec<Made>,
    replaced: Vec<TokenPair>,
    grant_end: Timestamp,
    ended: bool,
}

impl World {
    fn new(policy: RotationPolicy, repeatable: bool) -> Self {
        let entropy = Counting(1.into());
        let client = client(&entropy);
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let request = IssueRequest {
            grant_type: GrantType::Password,
            subject: Subject::Client,
            scopes: Scopes::default(),
            audience: Audience::default(),
            access_ttl: None,
            request_id: repeatable.then(|| "a request".into()),
            signed_by: None,
            exchanged: None,
            confirmation: None,
            origin: Origin::default(),
        };
        let id = GrantId::generate(START, &entropy);
        let issued = issue(id, &request, &client, keys.active(), &entropy, START);
        let mut world = Self {
            client,
            keys,
            policy,
            request,
            entropy,
            grant: issued.grant,
            now: START,
            salts: 0,
            made: Vec::new(),
            replaced: Vec::new(),
            grant_end: START.after(LIFETIMES.grant),
            ended: false,
        };
        world.remember(issued.pair, false);
        world
    }

    fn remember(&mut self, pair: TokenPair, narrow: bool) {
        let time = self.now;
        let (access_end, refresh_end) = (
            time.after(LIFETIMES.access).min(self.grant_end),
            time.after(LIFETIMES.refresh).min(self.grant_end),
        );
        let access_revoked = false;
        self.made.push(Made { pair, time, access_end, refresh_end, access_revoked, narrow });
    }

    fn newest(&self) -> usize {
        self.made.len() - 1
    }

    fn dead(&self) -> bool {
        self.ended || self.now >= self.grant_end
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Clock { millis } => {
                let millis = self.now.as_millis().saturating_add_signed(millis);
                self.now = Timestamp::from_millis(millis);
            }
            Step::Repeat => self.repeat()?,
            Step::Refresh { back, access, narrow } => self.refresh(back, access, narrow)?,
            Step::Revoke { back, refresh, access_only } => {
                self.revoke(back, refresh, access_only);
            }
        }
        self.check_every_token()
    }

    fn repeat(&mut self) -> Result<(), TestCaseError> {
        let parties =
            ClientAndUser { client: Some(&self.client), user: None, lineage: Lineage::Alive };
        let (client, key) = (&self.client, self.keys.active());
        let (grant, request) = (&self.grant, &self.request);
        let issued = reissue(grant, request, parties, client, key, &self.entropy, self.now);
        let apart = self.now.since(START).max(START.since(self.now));
        let repeatable = self.request.request_id.is_some() && self.newest() == 0 && !self.dead();
        prop_assert_eq!(issued.is_ok(), repeatable && apart < REPEAT_WINDOW, "at {:?}", self.now);
        if let Ok(issued) = issued {
            self.grant = issued.grant;
            self.grant_end = self.now.after(LIFETIMES.grant);
            self.replaced.extend(self.made.pop().map(|made| made.pair));
            self.remember(issued.pair, false);
        }
        Ok(())
    }

    fn decide(&self, token: &Token, scopes: &Scopes) -> Refresh {
        let salt = Salt::from_bytes([self.salts; 16]);
        let (client, audience) = (&self.client, &Audience::default());
        let since_rotation = self.now.since(self.grant.current.issue_time);
        let request = RefreshRequest {
            token,
            scopes,
            audience,
            client,
            certificate: None,
            salt,
            signed_by: None,
            since_rotation,
        };
        let parties =
            ClientAndUser { client: Some(&self.client), user: None, lineage: Lineage::Alive };
        refresh(&self.grant, request, parties, &self.keys, &self.policy, self.now)
    }

    fn refresh(&mut self, back: usize, access: bool, narrow: bool) -> Result<(), TestCaseError> {
        let number = self.newest().saturating_sub(back);
        let pair = &self.made[number].pair;
        let token = if access { pair.access.clone() } else { refresh_of(pair) };
        let scopes = Scopes::parse(if narrow { "read" } else { "" }).expect("scopes");
        self.salts = self.salts.wrapping_add(1);
        let decision = self.decide(&token, &scopes);
        let expected = self.expected(number, access, narrow);
        prop_assert_eq!(name(&decision), expected, "generation {} at {:?}", number, self.now);
        match decision {
            Refresh::Rotate { grant, pair } => {
                self.grant = *grant;
                self.remember(pair, narrow);
            }
            Refresh::Repeat { pair } => {
                let newest = &self.made[self.newest()].pair;
                prop_assert!(pair.access.to_text() == newest.access.to_text());
                prop_assert!(refresh_of(&pair).to_text() == refresh_of(newest).to_text());
            }
            Refresh::End { grant } => {
                self.grant = *grant;
                self.ended = true;
            }
            Refresh::Refuse(_) => {}
        }
        Ok(())
    }

    fn expected(&self, number: usize, access: bool, narrow: bool) -> &'static str {
        let newest = self.newest();
        if access || self.dead() {
            return "InvalidGrant";
        }
        if number == newest {
            let alive = self.now < self.made[number].refresh_end;
            let worth = self.grant_end.since(self.now) >= SECOND;
            return if alive && worth { "Rotate" } else { "InvalidGrant" };
        }
        let successor = &self.made[newest];
        let (passed, behind) = (self.now.since(successor.time), successor.time.since(self.now));
        if number + 1 < newest || passed >= self.policy.retry_window {
            return "End";
        }
        if behind > self.policy.retry_window || successor.access_revoked {
            return "InvalidGrant";
        }
        if narrow != successor.narrow {
            return "InvalidRequest";
        }
        let worth = successor.access_end.since(self.now) >= SECOND;
        if worth { "Repeat" } else { "InvalidGrant" }
    }

    fn revoke(&mut self, back: usize, refresh: bool, access_only: bool) {
        let newest = self.newest();
        let number = newest.saturating_sub(back);
        let pair = &self.made[number].pair;
        let token = if refresh { refresh_of(pair) } else { pair.access.clone() };
        // Of one generation opaque, of the next signed: it makes no difference.
        let token = if number.is_multiple_of(2) { token.into() } else { signed(&token) };
        let scope =
            if access_only { RevokeScope::AccessTokenOnly } else { RevokeScope::WholeGrant };
        let key = Some(self.keys.active());
        let decision = revoke(&self.grant, &token, &self.client.id, scope, key, self.now);
        if let Revoke::Write(grant) = decision {
            self.grant = *grant;
        }
        if self.ended {
            return;
        }
        if !access_only {
            self.ended = true;
            return;
        }
        // Only the two newest generations still have an access token to take away.
        for at in newest.saturating_sub(1)..=newest {
            self.made[at].access_revoked |= refresh || at == number;
        }
    }

    /// Judges every token ever made: exactly those are active that the rules say.
    fn check_every_token(&self) -> Result<(), TestCaseError> {
        let newest = self.newest();
        let mut live_refresh_tokens = 0;
        for (number, made) in self.made.iter().enumerate() {
            let current = number == newest;
            let overlap_end = self.made[newest].time.after(self.policy.access_overlap);
            let overlaps = number + 1 == newest
                && !self.policy.access_overlap.is_zero()
                && self.now < overlap_end;
            let access = !self.dead()
                && !made.access_revoked
                && self.now < made.access_end
                && (current || overlaps);
            let refresh = !self.dead() && current && self.now < made.refresh_end;
            prop_assert_eq!(self.is_active(&made.pair.access), access, "access {}", number);
            prop_assert_eq!(self.is_active(&refresh_of(&made.pair)), refresh, "refresh {}", number);
            live_refresh_tokens += usize::from(refresh);
        }
        prop_assert!(live_refresh_tokens <= 1);
        self.check_replaced()
    }

    /// A pair that a repeat has replaced is good for nothing, and does no harm.
    fn check_replaced(&self) -> Result<(), TestCaseError> {
        let key = Some(self.keys.active());
        for pair in &self.replaced {
            let refresh = refresh_of(pair);
            prop_assert_eq!(name(&self.decide(&refresh, &Scopes::default())), "InvalidGrant");
            prop_assert!(!self.is_active(&refresh));
            prop_assert!(!self.is_active(&pair.access));
            for token in [pair.access.clone().into(), signed(&pair.access), refresh.into()] {
                let (client, scope) = (&self.client.id, RevokeScope::AccessTokenOnly);
                let revoked = revoke(&self.grant, &token, client, scope, key, self.now);
                prop_assert_eq!(revoked, Revoke::Nothing);
            }
        }
        Ok(())
    }

    /// Judges a token, and an access token in its signed form as well.
    fn is_active(&self, token: &Token) -> bool {
        let parties =
            ClientAndUser { client: Some(&self.client), user: None, lineage: Lineage::Alive };
        let judged = |token: &PresentedToken| {
            judge(&self.grant, token, parties, &self.policy, self.now).is_ok()
        };
        let opaque = judged(&token.clone().into());
        assert_eq!(judged(&signed(token)), opaque, "a signed token is judged as an opaque one");
        opaque
    }
}

/// The signed form of an access token; a refresh token has none.
fn signed(token: &Token) -> PresentedToken {
    let Token { grant_id, generation, .. } = *token;
    match token.kind {
        TokenKind::Access => {
            let id = JwtId::of(&token.hash());
            PresentedToken::Signed(SignedAccess { grant_id, generation, id })
        }
        TokenKind::Refresh => token.clone().into(),
    }
}

fn refresh_of(pair: &TokenPair) -> Token {
    let token = pair.refresh.clone().expect("the client may refresh");
    assert_eq!(token.kind, TokenKind::Refresh);
    token
}

fn name(decision: &Refresh) -> &'static str {
    match decision {
        Refresh::Rotate { .. } => "Rotate",
        Refresh::Repeat { .. } => "Repeat",
        Refresh::End { .. } => "End",
        Refresh::Refuse(Error::InvalidGrant(_)) => "InvalidGrant",
        Refresh::Refuse(Error::InvalidRequest { .. }) => "InvalidRequest",
        Refresh::Refuse(_) => "another refusal",
    }
}

fn client(entropy: &Counting) -> Client {
    let scopes = Scopes::parse("read write").expect("scopes");
    Client {
        id: ClientId::parse("orders").expect("a client id"),
        client_type: ClientType::Confidential,
        secrets: Vec::new(),
        grant_types: GrantType::ALL.into_iter().collect(),
        default_scopes: scopes.clone(),
        allowed_scopes: scopes,
        audience: Audience::default(),
        lifetimes: LIFETIMES,
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
        create_time: START,
        update_time: START,
        epoch: Epoch::generate(entropy),
        disabled: false,
        declared: Declared::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_successor_per_parent_and_nothing_dead_comes_back(
        steps in prop::collection::vec(step(), 1..80),
        window in prop::sample::select(vec![0u64, 60, 300]),
        overlap in prop::sample::select(vec![0u64, 60]),
        repeatable: bool,
    ) {
        let policy = RotationPolicy {
            retry_window: Duration::from_secs(window),
            access_overlap: Duration::from_secs(overlap),
        };
        let mut world = World::new(policy, repeatable);
        for step in &steps {
            world.run(step)?;
        }
    }
}
