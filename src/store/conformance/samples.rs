//! Distinguishable sample records.

use crate::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attempts::{Attempts, AttemptsId, AttemptsOf, UnderWay},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    entropy::Entropy,
    epoch::Epoch,
    grant::{Grant, Origin},
    grant_id::GrantId,
    grant_type::{GrantType, GrantTypes},
    issue::{IssueRequest, issue},
    key_ring::{KEY_BYTES, ServerKey},
    scopes::Scopes,
    subject::{Subject, UserId},
    time::Timestamp,
    used_assertion::{AssertionId, UsedAssertion},
    user::{PasswordHash, User},
    user_name::UserName,
};

/// Repeats one byte.
struct Repeated(u8);

impl Entropy for Repeated {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) fn client(number: u8) -> Client {
    Client {
        id: ClientId::parse(&format!("client-{number}")).expect("a client id"),
        client_type: ClientType::Confidential,
        secrets: Vec::new(),
        grant_types: GrantType::ALL.into_iter().collect::<GrantTypes>(),
        default_scopes: Scopes::parse("read write").expect("scopes"),
        allowed_scopes: Scopes::parse("read write").expect("scopes"),
        audience: Audience::default(),
        lifetimes: Lifetimes::default(),
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
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(number)),
        disabled: false,
        declared: [].into(),
    }
}

pub(crate) fn user(number: u8) -> User {
    User {
        id: UserId::from_bytes([number; 16]),
        name: UserName::parse(&format!("user-{number}")).expect("a name"),
        password: PasswordHash("$argon2id$".into()),
        identities: Vec::new(),
        vouched: None,
        attributes: Attributes::default(),
        create_time: NOW,
        update_time: NOW,
        epoch: Epoch::generate(&Repeated(number)),
        disabled: false,
        declared: [].into(),
    }
}

pub(crate) fn grant(number: u8) -> Grant {
    let request = IssueRequest {
        grant_type: GrantType::Password,
        subject: Subject::User { id: user(1).id, epoch: user(1).epoch },
        scopes: Scopes::default(),
        audience: Audience::default(),
        access_ttl: None,
        request_id: None,
        signed_by: None,
        exchanged: None,
        confirmation: None,
        origin: Origin::default(),
    };
    let key = ServerKey::new(&[number; KEY_BYTES]);
    let id = GrantId::from_bytes([number; 16]);
    issue(id, &request, &client(1), &key, &Repeated(number), NOW).grant
}

pub(crate) fn used_assertion(number: u8) -> UsedAssertion {
    UsedAssertion { id: AssertionId::from_bytes([number; 16]), expire_time: NOW }
}

pub(crate) fn attempts(number: u8, failures: u32) -> Attempts {
    Attempts {
        id: AttemptsId::from_bytes([number; 16]),
        failures,
        last_failure: NOW,
        under_way: UnderWay::default(),
        of: Some(AttemptsOf { client: client(number).id, user: Some(user(number).id) }),
    }
}
