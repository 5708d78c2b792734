//! The records of a load and their changes: the transitions of a busy service with few users and
//! clients, so that writers compete.

use std::time::Duration;

use jeton::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    entropy::draw,
    epoch::Epoch,
    grant::{EndCause, Grant, Origin},
    grant_id::GrantId,
    grant_type::{GrantType, GrantTypes},
    issue::{IssueRequest, issue},
    key_ring::{Salt, ServerKey},
    pair::TokenPair,
    scopes::Scopes,
    subject::{Subject, UserId},
    time::Timestamp,
    token::{Token, TokenKind, TokenSecret},
    user::{PasswordHash, User},
    user_name::UserName,
};

use crate::{chance::Chance, entropy::SystemEntropy};

/// Number of users.
const USERS: u64 = 48;
/// Number of user names: fewer than users, so that some compete for one.
const NAMES: u64 = 40;
/// Number of clients.
const CLIENTS: u64 = 12;

/// Picks one of the users.
pub(crate) fn any_user(chance: &mut Chance) -> UserId {
    let number = chance.below(USERS).to_be_bytes();
    let mut bytes = [0xa5; 16];
    bytes[8..].copy_from_slice(&number);
    UserId::from_bytes(bytes)
}

/// Picks one of the names.
pub(crate) fn any_name(chance: &mut Chance) -> UserName {
    UserName::parse(&format!("user-{}", chance.below(NAMES))).expect("a user's name")
}

/// Picks one of the clients.
pub(crate) fn any_client(chance: &mut Chance) -> ClientId {
    ClientId::parse(&format!("client-{}", chance.below(CLIENTS))).expect("a client's id")
}

/// Returns the next state of a user: created, changed in one of several ways, or deleted. Every
/// state has its own time.
pub(crate) fn next_user(
    old: Option<&User>,
    id: UserId,
    chance: &mut Chance,
    now: Timestamp,
) -> Option<User> {
    let Some(old) = old else {
        return Some(User {
            id,
            name: any_name(chance),
            password: PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$".into()),
            identities: Vec::new(),
            vouched: None,
            attributes: any_attributes(chance, 3),
            create_time: now,
            update_time: now,
            epoch: Epoch::generate(&SystemEntropy),
            disabled: false,
            declared: [].into(),
        });
    };
    let old = User { update_time: now, ..old.clone() };
    match chance.below(8) {
        0 => None,
        1 | 2 => Some(User { name: any_name(chance), ..old }),
        3 => Some(User { epoch: Epoch::generate(&SystemEntropy), ..old }),
        4 => Some(User { disabled: !old.disabled, ..old }),
        _ => Some(User { attributes: any_attributes(chance, 3), ..old }),
    }
}

/// Returns the next state of a client, as [`next_user`] does. `lifetime` is that of its grants.
pub(crate) fn next_client(
    old: Option<&Client>,
    id: ClientId,
    chance: &mut Chance,
    lifetime: Duration,
    now: Timestamp,
) -> Option<Client> {
    let Some(old) = old else {
        return Some(Client {
            id,
            client_type: ClientType::Confidential,
            secrets: Vec::new(),
            grant_types: GrantType::ALL.into_iter().collect::<GrantTypes>(),
            default_scopes: Scopes::parse("read write").expect("scopes"),
            allowed_scopes: Scopes::parse("read write").expect("scopes"),
            audience: Audience::default(),
            lifetimes: Lifetimes { access: lifetime / 4, refresh: lifetime / 2, grant: lifetime },
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
            attributes: any_attributes(chance, 9),
            create_time: now,
            update_time: now,
            epoch: Epoch::generate(&SystemEntropy),
            disabled: false,
            declared: [].into(),
        });
    };
    let old = Client { update_time: now, ..old.clone() };
    match chance.below(8) {
        0 => None,
        1 => Some(Client { epoch: Epoch::generate(&SystemEntropy), ..old }),
        2 => Some(Client { disabled: !old.disabled, ..old }),
        _ => Some(Client { attributes: any_attributes(chance, 9), ..old }),
    }
}

/// Returns a grant of `client`, for `user` if there is one.
pub(crate) fn new_grant(
    user: Option<&User>,
    client: &Client,
    key: &ServerKey,
    now: Timestamp,
) -> Grant {
    let (grant_type, subject) = match user {
        Some(user) => (GrantType::Password, Subject::User { id: user.id, epoch: user.epoch }),
        None => (GrantType::ClientCredentials, Subject::Client),
    };
    let request = IssueRequest {
        grant_type,
        subject,
        scopes: Scopes::default(),
        audience: Audience::default(),
        access_ttl: None,
        request_id: None,
        signed_by: None,
        exchanged: None,
        confirmation: None,
        origin: Origin {
            peer: Some("192.0.2.17:50211".into()),
            user_agent: Some("grpc-go/1.76.0".into()),
        },
    };
    let id = GrantId::generate(now, &SystemEntropy);
    issue(id, &request, client, key, &SystemEntropy, now).grant
}

/// Returns the next state of a grant: mostly a rotation, at times an end or a revoked access token.
/// Returns `None` if the grant cannot change any more.
pub(crate) fn next_grant(
    old: &Grant,
    chance: &mut Chance,
    key: &ServerKey,
    lifetime: Duration,
    now: Timestamp,
) -> Option<Grant> {
    if old.end.is_some() {
        return None;
    }
    match chance.below(10) {
        0 | 1 => Some(old.ended(EndCause::Revoked, now)),
        2 => Some(old.ended(EndCause::Replayed, now)),
        3 if old.current.access.hash.is_some() => {
            let mut current = old.current.clone();
            current.access.hash = None;
            Some(Grant { current, salt: None, ..old.clone() })
        }
        _ => Some(rotated(old, key, lifetime, now)),
    }
}

/// Rotates a grant like `domain::refresh`. The load keeps no refresh tokens to present.
fn rotated(old: &Grant, key: &ServerKey, lifetime: Duration, now: Timestamp) -> Grant {
    let number = old.current.number + 1;
    let mint = |kind| Token::mint(kind, key, old.id, number, TokenSecret::generate(&SystemEntropy));
    let pair = TokenPair {
        access: mint(TokenKind::Access),
        refresh: old.current.refresh.as_ref().map(|_| mint(TokenKind::Refresh)),
    };
    let lifetimes = Lifetimes { access: lifetime / 4, refresh: lifetime / 2, grant: lifetime };
    Grant {
        current: pair.record(&lifetimes, None, None, old.expire_time, now),
        previous: Some(Box::new(old.current.clone())),
        salt: Some(Box::new(Salt::from_bytes(draw(&SystemEntropy)))),
        ..old.clone()
    }
}

/// Returns up to `most` attributes of up to 400 bytes.
fn any_attributes(chance: &mut Chance, most: u64) -> Attributes {
    let entries: Vec<_> = (0..chance.below(most + 1))
        .map(|number| {
            let length = usize::try_from(chance.below(400)).unwrap_or(0);
            (format!("attribute-{number}"), "x".repeat(length))
        })
        .collect();
    let entries = entries.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Attributes::from_entries(entries).expect("attributes within their limits")
}
