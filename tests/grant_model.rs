//! The transitions of one grant against a plain model of the rules, over random operations and clock steps.

use std::time::Duration;

use jeton::domain::{
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, Declared, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    entropy::Entropy,
    epoch::Epoch,
    error::Error,
    grant::{Grant, Origin},
    grant_id::GrantId,
    grant_type::GrantType,
    issue::{IssueRequest, issue},
    judge::judge,
    key_ring::{KeyRing, Salt, ServerKey},
    liveness::Parties,
    pair::TokenPair,
    policy::RotationPolicy,
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
    Clock {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let back = prop_oneof![6 => Just(0usize), 3 => Just(1usize), 1 => 2usize..6];
    let clock = prop_oneof![5 => 0i64..90, 3 => 0i64..6_000, 1 => -120i64..0];
    prop_oneof![
        8 => (back.clone(), prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(|(back, access, narrow)| Step::Refresh { back, access, narrow }),
        1 => (back, any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(back, refresh, access_only)| Step::Revoke { back, refresh, access_only }),
        6 => clock.prop_map(|seconds| Step::Clock { seconds }),
    ]
}

/// What the rules say of one generation, in plain words.
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
    grant: Grant,
    now: Timestamp,
    salts: u8,
    // The model: every generation so far, and three facts.
    made: Vec<Made>,
    grant_end: Timestamp,
    ended: bool,
    retry_closed: bool,
}

impl World {
    fn new(policy: RotationPolicy) -> Self {
        let entropy = Counting(1.into());
        let client = client(&entropy);
        let keys = KeyRing::new(ServerKey::new(&[7; 32]), []);
        let request = IssueRequest {
            grant_type: GrantType::Password,
            subject: Subject::Client,
            scopes: Scopes::default(),
            audience: Audience::default(),
            access_ttl: None,
            request_id: None,
            origin: Origin::default(),
        };
        let id = GrantId::generate(START, &entropy);
        let issued = issue(id, &request, &client, keys.active(), &entropy, START);
        let mut world = Self {
            client,
            keys,
            policy,
            grant: issued.grant,
            now: START,
            salts: 0,
            made: Vec::new(),
            grant_end: START.after(LIFETIMES.grant),
            ended: false,
            retry_closed: true,
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
            Step::Clock { seconds } => {
                let millis = self.now.as_millis().saturating_add_signed(seconds * 1_000);
                self.now = Timestamp::from_millis(millis);
            }
            Step::Refresh { back, access, narrow } => self.refresh(back, access, narrow)?,
            Step::Revoke { back, refresh, access_only } => {
                self.revoke(back, refresh, access_only);
            }
        }
        self.check_every_token()
    }

    fn refresh(&mut self, back: usize, access: bool, narrow: bool) -> Result<(), TestCaseError> {
        let number = self.newest().saturating_sub(back);
        let pair = &self.made[number].pair;
        let token = if access { pair.access.clone() } else { refresh_of(pair) };
        let scopes = Scopes::parse(if narrow { "read" } else { "" }).expect("scopes");
        self.salts = self.salts.wrapping_add(1);
        let request = RefreshRequest {
            token: &token,
            scopes: &scopes,
            audience: &Audience::default(),
            client: &self.client,
            salt: Salt::from_bytes([self.salts; 16]),
        };
        let parties = Parties { client: Some(&self.client), user: None };
        let decision = refresh(&self.grant, request, parties, &self.keys, &self.policy, self.now);
        let expected = self.expected(number, access, narrow);
        prop_assert_eq!(name(&decision), expected, "generation {} at {:?}", number, self.now);
        match decision {
            Refresh::Rotate { grant, pair } => {
                self.grant = *grant;
                self.retry_closed = false;
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
            return if alive { "Rotate" } else { "InvalidGrant" };
        }
        let rotated = self.made[newest].time;
        let open = !self.retry_closed
            && number + 1 == newest
            && self.now >= rotated
            && self.now.since(rotated) < self.policy.retry_window;
        match (open, narrow == self.made[newest].narrow) {
            (true, true) => "Repeat",
            (true, false) => "InvalidRequest",
            (false, _) => "End",
        }
    }

    fn revoke(&mut self, back: usize, refresh: bool, access_only: bool) {
        let newest = self.newest();
        let number = newest.saturating_sub(back);
        let pair = &self.made[number].pair;
        let token = if refresh { refresh_of(pair) } else { pair.access.clone() };
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
            let named = refresh || at == number;
            if named && !self.made[at].access_revoked {
                self.made[at].access_revoked = true;
                self.retry_closed = true;
            }
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
        Ok(())
    }

    fn is_active(&self, token: &Token) -> bool {
        let parties = Parties { client: Some(&self.client), user: None };
        judge(&self.grant, token, parties, &self.policy, self.now).is_ok()
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
        Refresh::Refuse(Error::InvalidGrant) => "InvalidGrant",
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
    ) {
        let policy = RotationPolicy {
            retry_window: Duration::from_secs(window),
            access_overlap: Duration::from_secs(overlap),
        };
        let mut world = World::new(policy);
        for step in &steps {
            world.run(step)?;
        }
    }
}
