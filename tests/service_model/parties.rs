//! The clients and users that every run has.

use jeton::domain::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    client::{Client, ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    client_secret::{ClientSecret, SecretHash, StoredSecret},
    declared::Declared,
    entropy::Entropy,
    epoch::Epoch,
    grant_type::GrantType,
    scopes::Scopes,
    secret::Secret,
    subject::UserId,
    time::Timestamp,
    user::{PasswordHash, User},
    user_name::UserName,
};

use super::rules::{ACCESS, GRANT, REFRESH};

pub(crate) fn client_id(number: usize) -> ClientId {
    ClientId::parse(&format!("client-{number}")).expect("a client id")
}

pub(crate) fn user_id(number: usize) -> UserId {
    UserId::from_bytes([u8::try_from(number).expect("few users") + 1; 16])
}

pub(crate) fn client(
    number: usize,
    secret: &Secret,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Client {
    let scopes = Scopes::parse("read write").expect("scopes");
    Client {
        id: client_id(number),
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
        lifetimes: Lifetimes { access: ACCESS, refresh: REFRESH, grant: GRANT },
        grant_limit: GrantLimit { max: GrantLimit::MOST, ..GrantLimit::default() },
        request_limit: None,
        certificates: Vec::new(),
        identities: Vec::new(),
        keys: Vec::new(),
        access_token_format: AccessTokenFormat::Opaque,
        jwt_attributes: JwtAttributes::default(),
        may_exchange_to: Audience::default(),
        may_act: Audience::default(),
        bound_to: None,
        introspect: if number == 0 { IntrospectReach::Any } else { IntrospectReach::Own },
        permissions: Permissions::default(),
        attributes: Attributes::default(),
        create_time: now,
        update_time: now,
        epoch: Epoch::generate(entropy),
        disabled: false,
        declared: Declared::new(),
    }
}

pub(crate) fn user(number: usize, password: &str, entropy: &dyn Entropy, now: Timestamp) -> User {
    User {
        id: user_id(number),
        name: UserName::parse(&format!("user-{number}")).expect("a name"),
        password: PasswordHash(password.into()),
        identities: Vec::new(),
        vouched: None,
        attributes: Attributes::default(),
        create_time: now,
        update_time: now,
        epoch: Epoch::generate(entropy),
        disabled: false,
        declared: Declared::new(),
    }
}
