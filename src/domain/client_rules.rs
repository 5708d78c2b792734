//! The rules between the fields of a client, the same however it is created, changed or declared.

use std::time::Duration;

use super::{
    access_format::AccessTokenFormat,
    certificate::CertificateIdentity,
    client::{Client, ClientType, IntrospectReach, Lifetimes},
    client_identity::ClientIdentity,
    client_key::ClientKey,
    error::Error,
    grant_type::GrantType,
    signing_times::JwtLife,
};

/// Shortest life of what a client gets: the wire counts `expires_in` in seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// A rule that a client breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// A default scope is none of the allowed ones.
    DefaultScopes,
    /// The field sets a lifetime below one second.
    ShortTtl(&'static str),
    /// An access token outlives its grant.
    AccessBeyondGrant,
    /// A signed access token outlives the longest time for which keys are published after their use.
    LongJwt,
    /// Signed access tokens would be for no service (RFC 9068 §2.2 requires `aud`).
    NoJwtAudience,
    /// A client may exchange tokens for ones that are good at this service itself.
    ExchangeToJeton,
    /// There are more than [`CertificateIdentity::MAX`].
    ManyCertificates,
    /// There are more than [`ClientIdentity::MAX`].
    ManyIdentities,
    /// There are more than [`ClientKey::MAX`].
    ManyKeys,
    /// A key, or the name of one, is there twice.
    SameKeys,
    /// A confidential client is left without anything to authenticate by.
    NoCredentials,
    /// A public client may use client credentials or token exchange: everybody who knows its id could request
    /// tokens in its name (RFC 6749 §4.4, RFC 8693 §5).
    PublicGrantTypes,
    /// A public client has certificates.
    PublicCertificates,
    /// A public client has identities.
    PublicIdentities,
    /// A public client has keys.
    PublicKeys,
    /// A public client may administer, or do a part of that.
    PublicPermissions,
    /// A public client may introspect more than its own.
    PublicReach,
    /// A public client has `jeton` in its audience, which is for tokens that a client gets for itself.
    PublicAudience,
}

impl From<BrokenRule> for Error {
    fn from(rule: BrokenRule) -> Self {
        const PUBLIC: &str = "not for a public client";
        let (field, problem) = match rule {
            BrokenRule::DefaultScopes => {
                ("client.scopes", "each must also be one of allowed_scopes")
            }
            BrokenRule::ShortTtl(field) => (field, "must be at least 1 s"),
            BrokenRule::AccessBeyondGrant => {
                ("client.access_token_ttl", "must be at most grant_ttl")
            }
            BrokenRule::LongJwt => (
                "client.access_token_ttl",
                "must be at most keys.max_jwt_ttl for access_token_format jwt",
            ),
            BrokenRule::NoJwtAudience => {
                ("client.audience", "must have a name for access_token_format jwt")
            }
            BrokenRule::ExchangeToJeton => ("client.may_exchange_to", "must not name jeton"),
            BrokenRule::ManyCertificates => ("client.certificates", "must be at most 16"),
            BrokenRule::ManyIdentities => ("client.identities", "must be at most 16"),
            BrokenRule::ManyKeys => ("client.keys", "must be at most 2"),
            BrokenRule::SameKeys => ("client.keys", "must not hold a key, or a kid, twice"),
            BrokenRule::NoCredentials => (
                "client",
                "must keep a secret, a certificate, an identity or a key: disable it instead",
            ),
            BrokenRule::PublicGrantTypes => ("client.grant_types", PUBLIC),
            BrokenRule::PublicCertificates => ("client.certificates", PUBLIC),
            BrokenRule::PublicIdentities => ("client.identities", PUBLIC),
            BrokenRule::PublicKeys => ("client.keys", PUBLIC),
            BrokenRule::PublicPermissions => ("client.permissions", PUBLIC),
            BrokenRule::PublicReach => ("client.introspect", PUBLIC),
            BrokenRule::PublicAudience => ("client.audience", PUBLIC),
        };
        Self::InvalidRequest { field, problem }
    }
}

impl Client {
    /// The rules that this client breaks; `before` is what it was, and signed tokens live for `longest` at most.
    ///
    /// A public client has no reach, and no `jeton` unless people log in with ID tokens there: its id
    /// alone speaks in its name. An earlier release let it have them, where they count for nothing: so that such a record can be disabled, they may stay.
    pub fn broken_rules(
        &self,
        before: &Self,
        longest: JwtLife,
    ) -> impl Iterator<Item = BrokenRule> + use<> {
        let Lifetimes { access, refresh, grant } = self.lifetimes;
        let signed = self.access_token_format == AccessTokenFormat::Jwt;
        let public = self.client_type == ClientType::Public;
        let needs_secret = self.grant_types.contains(GrantType::ClientCredentials)
            || self.grant_types.contains(GrantType::TokenExchange);
        let reaches = self.introspect > before.introspect.max(IntrospectReach::Own);
        let opens_jeton =
            |client: &Self| client.audience.names_jeton() && !client.may_speak_for_people();
        let names_jeton = opens_jeton(self) && !opens_jeton(before);
        let left_without = !self.has_credentials() && before.has_credentials();
        let rules = [
            (!self.default_scopes.is_within(&self.allowed_scopes), BrokenRule::DefaultScopes),
            (access < SHORTEST, BrokenRule::ShortTtl("client.access_token_ttl")),
            (refresh < SHORTEST, BrokenRule::ShortTtl("client.refresh_token_ttl")),
            (grant < SHORTEST, BrokenRule::ShortTtl("client.grant_ttl")),
            (access > grant, BrokenRule::AccessBeyondGrant),
            (signed && access > longest.0, BrokenRule::LongJwt),
            (signed && self.audience.is_empty(), BrokenRule::NoJwtAudience),
            (self.may_exchange_to.names_jeton(), BrokenRule::ExchangeToJeton),
            (self.certificates.len() > CertificateIdentity::MAX, BrokenRule::ManyCertificates),
            (self.identities.len() > ClientIdentity::MAX, BrokenRule::ManyIdentities),
            (self.keys.len() > ClientKey::MAX, BrokenRule::ManyKeys),
            (ClientKey::check_distinct(&self.keys).is_err(), BrokenRule::SameKeys),
            (!public && left_without, BrokenRule::NoCredentials),
            (public && needs_secret, BrokenRule::PublicGrantTypes),
            (public && !self.certificates.is_empty(), BrokenRule::PublicCertificates),
            (public && !self.identities.is_empty(), BrokenRule::PublicIdentities),
            (public && !self.keys.is_empty(), BrokenRule::PublicKeys),
            (public && self.permissions.let_into_administration(), BrokenRule::PublicPermissions),
            (public && reaches, BrokenRule::PublicReach),
            (public && names_jeton, BrokenRule::PublicAudience),
        ];
        rules.into_iter().filter_map(|(broken, rule)| broken.then_some(rule))
    }

    /// Checks that the fields fit together, and the client's type; `before` is what it was, and signed tokens
    /// live for `longest` at most.
    ///
    /// # Errors
    /// `InvalidRequest`, of the first field that does not.
    pub fn check(&self, before: &Self, longest: JwtLife) -> Result<(), Error> {
        self.broken_rules(before, longest).next().map_or(Ok(()), |rule| Err(rule.into()))
    }

    /// Takes away what a public client must not have.
    pub fn drop_what_needs_a_secret(&mut self) {
        self.secrets.clear();
        self.certificates.clear();
        self.identities.clear();
        self.keys.clear();
        for grant_type in [GrantType::ClientCredentials, GrantType::TokenExchange] {
            self.grant_types = self.grant_types.without(grant_type);
        }
        self.permissions = self.permissions.without_administration();
        self.introspect = IntrospectReach::Own;
        if !self.may_speak_for_people() {
            self.audience = self.audience.without_jeton();
        }
    }
}
