//! Changes to a client: the same for the API, the settings file and the server itself.

use std::{mem, time::Duration};

use super::{
    access_format::{AccessTokenFormat, JwtAttributes},
    attributes::Attributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client::{Client, ClientType, IntrospectReach, Lifetimes, Permissions, WhenFull},
    client_id::ClientId,
    client_identity::ClientIdentity,
    client_key::ClientKey,
    client_rules::BrokenRule,
    confirmation::BoundTo,
    declared::Assign,
    entropy::Entropy,
    epoch::Epoch,
    error::Error,
    grant_type::{GrantType, GrantTypes},
    permission::Delegated,
    request_limit::RequestLimit,
    scopes::Scopes,
    signing_times::JwtLife,
    time::Timestamp,
};

/// New values of some fields of a client. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPatch {
    /// Grant types. Never client credentials for a public client.
    pub grant_types: Option<GrantTypes>,
    /// Granted when none is asked, in this order. Within the allowed ones.
    pub default_scopes: Option<Scopes>,
    /// Scopes that may be requested.
    pub allowed_scopes: Option<Scopes>,
    /// Services that may be requested; all but jeton are granted if none is requested. Never jeton
    /// for a public client, unless people log in there with ID tokens alone.
    pub audience: Option<Audience>,
    /// Life of an access token: at least 1 s, at most that of the grant.
    pub access_token_ttl: Option<Duration>,
    /// Life of a refresh token that is not used: at least 1 s.
    pub refresh_token_ttl: Option<Duration>,
    /// Life of a grant and all of it: at least 1 s.
    pub grant_ttl: Option<Duration>,
    /// Limit of the live grants of each of its users: 1 to [`GrantLimit::MOST`].
    ///
    /// [`GrantLimit::MOST`]: super::client::GrantLimit::MOST
    pub max_grants: Option<u32>,
    /// Effect on the next login.
    pub when_full: Option<WhenFull>,
    /// Limit of its requests; `Some(None)` for none.
    pub request_limit: Option<Option<RequestLimit>>,
    /// The certificates that are as good as a secret: at most [`CertificateIdentity::MAX`].
    pub certificates: Option<Vec<CertificateIdentity>>,
    /// The identities of trusted issuers that are as good as a secret: at most [`ClientIdentity::MAX`].
    pub identities: Option<Vec<ClientIdentity>>,
    /// The keys by which it signs assertions: at most [`ClientKey::MAX`], different ones.
    pub keys: Option<Vec<ClientKey>>,
    /// Format of its access tokens. Signed ones need an audience.
    pub access_token_format: Option<AccessTokenFormat>,
    /// Attributes that signed access tokens show.
    pub jwt_attributes: Option<JwtAttributes>,
    /// Services for which it may exchange tokens. Never jeton.
    pub may_exchange_to: Option<Audience>,
    /// Clients that may exchange its tokens; empty: all that they are meant for.
    pub may_act: Option<Audience>,
    /// Part of the certificate that its tokens are bound to; `Some(None)` for none.
    pub bound_to: Option<Option<BoundTo>>,
    /// Tokens that it may introspect. Never more than its own for a public client.
    pub introspect: Option<IntrospectReach>,
    /// Permissions. Never administration, or a part of it, for a public client.
    pub permissions: Option<Permissions>,
    /// Attributes in introspection responses.
    pub attributes: Option<Attributes>,
    /// True if the client is refused everywhere and its grants are inactive.
    pub disabled: Option<bool>,
    /// True if its secrets are taken away: it must keep another way to authenticate.
    pub removes_secrets: bool,
}

impl ClientPatch {
    /// The patch that only disables a client, or enables it.
    pub fn disabled(disabled: bool) -> Self {
        Self { disabled: Some(disabled), ..Self::default() }
    }

    /// The rules that a new client of this type breaks which differs from the defaults by this alone.
    pub fn broken_rules(
        self,
        client_type: ClientType,
        longest: JwtLife,
    ) -> impl Iterator<Item = BrokenRule> {
        let id = ClientId::placeholder();
        let blank = Client::new(id, client_type, &NoEntropy, Timestamp::default());
        let mut client = blank.clone();
        self.put(&mut client, Assign::All);
        client.broken_rules(&blank, longest)
    }

    fn put(self, client: &mut Client, mut assign: Assign<'_>) {
        let before = client.access_token_format;
        let Client { lifetimes, grant_limit, .. } = client;
        // Without these grant types the fingerprint is that of releases that did not know them.
        let is_taken = match self.grant_types {
            Some(types) if types.contains(GrantType::TokenExchange) => {
                let by_tokens = types.contains(GrantType::JwtBearer);
                assign.takes("grants", Some(&(types, by_tokens, true)))
            }
            Some(types) if types.contains(GrantType::JwtBearer) => {
                assign.takes("grants", Some(&(types, true)))
            }
            types => assign.takes("grants", types.as_ref()),
        };
        if is_taken && let Some(types) = self.grant_types {
            client.grant_types = types;
        }
        assign.put("scopes", &mut client.default_scopes, self.default_scopes);
        assign.put("allowed_scopes", &mut client.allowed_scopes, self.allowed_scopes);
        assign.put("audience", &mut client.audience, self.audience);
        assign.put("access_token_ttl", &mut lifetimes.access, self.access_token_ttl);
        assign.put("refresh_token_ttl", &mut lifetimes.refresh, self.refresh_token_ttl);
        assign.put("grant_ttl", &mut lifetimes.grant, self.grant_ttl);
        assign.put("max_grants", &mut grant_limit.max, self.max_grants);
        assign.put("when_full", &mut grant_limit.when_full, self.when_full);
        // The fingerprint is that of the limit itself.
        if assign.takes("request_limit", self.request_limit.flatten().as_ref())
            && let Some(limit) = self.request_limit
        {
            client.request_limit = limit;
        }
        assign.put("certificates", &mut client.certificates, self.certificates);
        assign.put("identities", &mut client.identities, self.identities);
        assign.put("jwks_file", &mut client.keys, self.keys);
        let format = &mut client.access_token_format;
        assign.put("access_token_format", format, self.access_token_format);
        assign.put("jwt_attributes", &mut client.jwt_attributes, self.jwt_attributes);
        assign.put("may_exchange_to", &mut client.may_exchange_to, self.may_exchange_to);
        assign.put("may_act", &mut client.may_act, self.may_act);
        assign.put("bound_to", &mut client.bound_to, self.bound_to);
        // A life that nobody has set follows the format.
        let is_standard = client.lifetimes.access == Lifetimes::standard_access(before);
        if self.access_token_ttl.is_none() && is_standard {
            client.lifetimes.access = Lifetimes::standard_access(client.access_token_format);
        }
        assign.put("introspect", &mut client.introspect, self.introspect);
        // Without parts of administration the fingerprint is that of releases that knew none.
        let is_taken = match self.permissions {
            Some(held) if held.delegated != Delegated::default() => {
                assign.takes("permissions", Some(&(held, held.delegated)))
            }
            held => assign.takes("permissions", held.as_ref()),
        };
        if is_taken && let Some(permissions) = self.permissions {
            client.permissions = permissions;
        }
        assign.put("attributes", &mut client.attributes, self.attributes);
        assign.put("disabled", &mut client.disabled, self.disabled);
        if self.removes_secrets {
            client.secrets.clear();
        }
    }
}

/// For a client that is never stored.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

impl Client {
    /// The client with some fields changed. Without any difference it is the same state, its
    /// `update_time` included.
    ///
    /// # Errors
    /// `InvalidRequest` when the fields do not fit together, or not the client's type. Disabling alone is
    /// never refused.
    pub fn edited(
        &self,
        patch: &ClientPatch,
        longest: JwtLife,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut next = self.clone();
        patch.clone().put(&mut next, Assign::All);
        if !self.is_only_ended_in(&next) {
            next.check(self, longest)?;
        }
        Ok(next.following(self, entropy, now))
    }

    /// Changes what the settings file declares otherwise than when it was last applied.
    pub fn apply_declared(&mut self, patch: ClientPatch) {
        let mut declared = mem::take(&mut self.declared);
        patch.put(self, Assign::Declared(&mut declared));
        self.declared = declared;
    }

    /// This state of a client after another one: disabling ends its grants for good, since the epoch moves.
    #[must_use]
    pub fn following(mut self, before: &Self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        if self.disabled && !before.disabled {
            self.epoch = Epoch::generate(entropy);
        }
        if self != *before {
            self.update_time = now;
        }
        self
    }

    /// Returns whether `next` is this client, disabled: a client that breaks other rules can be
    /// disabled all the same.
    fn is_only_ended_in(&self, next: &Self) -> bool {
        next.disabled && Self { disabled: self.disabled, ..next.clone() } == *self
    }
}

#[cfg(test)]
mod tests;
