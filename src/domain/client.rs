//! The client record: who may ask for tokens, of which kind, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client_id::ClientId,
    client_identity::ClientIdentity,
    client_key::ClientKey,
    client_secret::{ClientSecret, SecretHash, StoredSecret},
    confirmation::BoundTo,
    declared::Declared,
    entropy::Entropy,
    epoch::Epoch,
    grant_type::{GrantType, GrantTypes},
    request_limit::RequestLimit,
    scopes::Scopes,
    secret::Secret,
    time::Timestamp,
};

pub use super::permission::Permissions;

/// The two types of clients: with and without a secret to keep (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientType {
    /// Authenticates with a secret.
    Confidential,
    /// Has no secret; its `client_id` alone names it.
    Public,
}

/// Tokens that a client may introspect; each reach includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IntrospectReach {
    /// Those issued to itself.
    #[default]
    Own,
    /// Those issued to itself, and access tokens whose audience names its `client_id`.
    Audience,
    /// Every access token.
    Any,
}

impl IntrospectReach {
    /// Every reach, in their order.
    pub const ALL: [Self; 3] = [Self::Own, Self::Audience, Self::Any];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Audience => "audience",
            Self::Any => "any",
        }
    }
}

/// Lifetimes of a client's tokens and grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// An access token, from its issue. At most [`Self::grant`].
    pub access: Duration,
    /// Lifetime of a refresh token from its issue: each rotation begins a new one.
    pub refresh: Duration,
    /// The grant and everything of it, from the first issue.
    pub grant: Duration,
}

impl Lifetimes {
    /// Life of an access token if nothing sets it. Verifiers that do not ask accept a signed one until it
    /// expires, also if it was revoked: its life is short.
    pub fn standard_access(format: AccessTokenFormat) -> Duration {
        match format {
            AccessTokenFormat::Opaque => Self::default().access,
            AccessTokenFormat::Jwt => Duration::from_secs(5 * 60),
        }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { access: Duration::from_secs(15 * 60), refresh: 30 * DAY, grant: 90 * DAY }
    }
}

/// Limit of a user's live grants with a client. Approximate: simultaneous logins can exceed it
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLimit {
    /// At most so many. Tokens that a client asks for itself do not count: a whole
    /// fleet shares one client.
    pub max: u32,
    /// Effect on the next login.
    pub when_full: WhenFull,
}

impl GrantLimit {
    /// The highest limit.
    pub const MOST: u32 = 1_000_000;
}

impl Default for GrantLimit {
    fn default() -> Self {
        Self { max: 100, when_full: WhenFull::EvictOldest }
    }
}

/// Effect of the limit on a login beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// It ends the oldest grant.
    EvictOldest,
    /// It is refused.
    Refuse,
}

impl WhenFull {
    /// Either.
    pub const ALL: [Self; 2] = [Self::EvictOldest, Self::Refuse];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EvictOldest => "evict",
            Self::Refuse => "refuse",
        }
    }
}

/// A registered client (RFC 6749 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name.
    #[serde(skip, default = "unnamed")]
    pub id: ClientId,
    /// Confidential or public.
    pub client_type: ClientType,
    /// At most [`Self::MOST_LIVE_SECRETS`] live ones, so that a secret is rotated without downtime.
    pub secrets: Vec<ClientSecret>,
    /// The grant types it may use.
    pub grant_types: GrantTypes,
    /// Granted when none is asked, in this order.
    pub default_scopes: Scopes,
    /// Scopes that may be requested.
    pub allowed_scopes: Scopes,
    /// Services that may be requested; all but jeton are granted if none is requested.
    pub audience: Audience,
    /// Lifetimes of its tokens.
    pub lifetimes: Lifetimes,
    /// Limit of the grants of each of its users.
    pub grant_limit: GrantLimit,
    /// Limit of its requests; `None` for none.
    pub request_limit: Option<RequestLimit>,
    /// Certificates that are as good as a secret: at most [`CertificateIdentity::MAX`].
    pub certificates: Vec<CertificateIdentity>,
    /// Identities of trusted issuers that are as good as a secret: at most [`ClientIdentity::MAX`].
    /// Written behind the record, and only where there are some.
    #[serde(skip)]
    pub identities: Vec<ClientIdentity>,
    /// Keys by which it signs assertions of its own, the oldest first: at most [`ClientKey::MAX`].
    /// Written behind the record, and only where there are some.
    #[serde(skip)]
    pub keys: Vec<ClientKey>,
    /// Format of its access tokens. Written behind the record, and only where it is not opaque.
    #[serde(skip)]
    pub access_token_format: AccessTokenFormat,
    /// Attributes that signed access tokens show. Written behind the record, with the format.
    #[serde(skip)]
    pub jwt_attributes: JwtAttributes,
    /// Services for which it may exchange tokens of users that it was shown (RFC 8693). Never jeton. Written
    /// behind the record, and only where there are some.
    #[serde(skip)]
    pub may_exchange_to: Audience,
    /// Clients that may exchange the tokens issued to this one; empty: every client that the token is meant
    /// for (RFC 8693 §4.4). Written behind the record, and only where there are some.
    #[serde(skip)]
    pub may_act: Audience,
    /// Part of its certificate that its tokens are bound to; `None` for tokens that everybody may show. Written
    /// behind the record, and only where there is one.
    #[serde(skip)]
    pub bound_to: Option<BoundTo>,
    /// Tokens that it may introspect.
    pub introspect: IntrospectReach,
    /// Permissions beyond requesting tokens.
    pub permissions: Permissions,
    /// Attributes in introspection responses.
    pub attributes: Attributes,
    /// When the record was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// Moving it ends every grant of the client.
    pub epoch: Epoch,
    /// Refused everywhere, and its grants are dead.
    pub disabled: bool,
    /// Declaration that the settings file last applied.
    pub declared: Declared,
}

impl Client {
    /// A client that may do nothing yet, with the lifetimes and limits of the defaults.
    pub fn new(
        id: ClientId,
        client_type: ClientType,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            client_type,
            secrets: Vec::new(),
            grant_types: GrantTypes::default(),
            default_scopes: Scopes::default(),
            allowed_scopes: Scopes::default(),
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
            introspect: IntrospectReach::default(),
            permissions: Permissions::default(),
            attributes: Attributes::default(),
            create_time: now,
            update_time: now,
            epoch: Epoch::generate(entropy),
            disabled: false,
            declared: Declared::default(),
        }
    }

    /// Returns whether `secret`, a generated one, is one of its live secrets.
    pub fn holds_generated(&self, secret: &Secret, now: Timestamp) -> bool {
        let presented = SecretHash::of(secret);
        let live = self.secrets.iter().filter(|held| held.is_live(now));
        live.fold(false, |found, held| match &held.stored {
            StoredSecret::Generated(hash) => found || (*hash == presented),
            StoredSecret::Chosen(_) => found,
        })
    }

    /// The hashes of its live chosen secrets, the newest first: it is the one that stays.
    pub fn chosen_hashes(&self, now: Timestamp) -> Vec<&str> {
        let live = self.secrets.iter().rev().filter(|held| held.is_live(now));
        let chosen = live.filter_map(|held| match &held.stored {
            StoredSecret::Chosen(phc) => Some(&**phc),
            StoredSecret::Generated(_) => None,
        });
        chosen.collect()
    }

    /// The keys by which it may sign at `now`.
    pub fn live_keys(&self, now: Timestamp) -> impl Iterator<Item = &ClientKey> {
        self.keys.iter().filter(move |key| key.is_live(now))
    }

    /// Returns whether its record holds anything by which it can authenticate, expired or not.
    pub fn has_credentials(&self) -> bool {
        !(self.secrets.is_empty()
            && self.certificates.is_empty()
            && self.identities.is_empty()
            && self.keys.is_empty())
    }

    /// Returns whether the access tokens of its grants for `audience` are signed: they name one service
    /// each. A grant for several, of before the client had signed ones, keeps opaque tokens.
    pub fn signs(&self, audience: &Audience) -> bool {
        self.access_token_format == AccessTokenFormat::Jwt && audience.names().count() == 1
    }

    /// Returns whether an access token of the client's own is accepted at jeton's RPCs: the client
    /// is confidential and may still request such a token.
    pub fn may_call_by_token(&self) -> bool {
        self.client_type == ClientType::Confidential
            && self.grant_types.contains(GrantType::ClientCredentials)
            && self.audience.names_jeton()
    }

    /// Returns whether its tokens for users can be good at jeton's RPCs: they come of ID tokens, and a
    /// password gets none.
    pub fn may_speak_for_people(&self) -> bool {
        self.grant_types.contains(GrantType::JwtBearer)
            && !self.grant_types.contains(GrantType::Password)
            && self.audience.names_jeton()
    }
}

/// The record's key names the client; the decoder puts it in place of this.
fn unnamed() -> ClientId {
    ClientId::placeholder()
}
