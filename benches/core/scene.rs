//! A client, a user, and a grant for them with its tokens.

use std::time::Duration;

use jeton::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    declared::Declared,
    entropy::{Entropy, draw},
    epoch::Epoch,
    grant::{Grant, Origin},
    grant_id::GrantId,
    grant_type::GrantType,
    issue::{IssueRequest, Issued, issue},
    key_ring::{KEY_BYTES, ServerKey},
    pair::TokenPair,
    scopes::Scopes,
    subject::{Subject, UserId},
    time::Timestamp,
    user::{PasswordHash, User},
    user_name::UserName,
};

/// The system's randomness.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where this program draws it")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system gives randomness");
    }
}

pub(crate) struct Scene {
    pub(crate) key: ServerKey,
    pub(crate) client: Client,
    pub(crate) user: User,
    pub(crate) grant: Grant,
    pub(crate) pair: TokenPair,
    pub(crate) now: Timestamp,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let key = ServerKey::new(&[7; KEY_BYTES]);
        let (client, user) = (client(now), user(now));
        let Issued { grant, pair } = login(&client, &user, &key, now);
        Self { key, client, user, grant, pair, now }
    }

    /// Returns another grant of the same user.
    pub(crate) fn another(&self) -> Grant {
        login(&self.client, &self.user, &self.key, self.now).grant
    }
}

fn login(client: &Client, user: &User, key: &ServerKey, now: Timestamp) -> Issued {
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
    let id = GrantId::generate(now, &SystemEntropy);
    issue(id, &request, client, key, &SystemEntropy, now)
}

fn client(now: Timestamp) -> Client {
    let scopes = Scopes::parse("read write").expect("scopes");
    Client {
        id: ClientId::parse("orders").expect("a client's id"),
        client_type: ClientType::Confidential,
        secrets: Vec::new(),
        grant_types: GrantType::ALL.into_iter().collect(),
        default_scopes: scopes.clone(),
        allowed_scopes: scopes,
        audience: Audience::default(),
        lifetimes: Lifetimes {
            access: Duration::from_secs(15 * 60),
            refresh: Duration::from_secs(14 * 24 * 60 * 60),
            grant: Duration::from_secs(90 * 24 * 60 * 60),
        },
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

fn user(now: Timestamp) -> User {
    User {
        id: UserId::from_bytes(draw(&SystemEntropy)),
        name: UserName::parse("alice").expect("a name"),
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
