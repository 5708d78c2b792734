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
    declared::Assign,
    entropy::Entropy,
    epoch::Epoch,
    error::Error,
    grant_type::{GrantType, GrantTypes},
    permission::Delegated,
    request_limit::RequestLimit,
    scopes::Scopes,
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
    pub fn broken_rules(self, client_type: ClientType) -> impl Iterator<Item = BrokenRule> {
        let id = ClientId::placeholder();
        let blank = Client::new(id, client_type, &NoEntropy, Timestamp::default());
        let mut client = blank.clone();
        self.put(&mut client, Assign::All);
        client.broken_rules(&blank)
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
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut next = self.clone();
        patch.clone().put(&mut next, Assign::All);
        if !self.is_only_ended_in(&next) {
            next.check(self)?;
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
mod tests {
    use std::num::NonZeroU32;

    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::domain::{
        client_secret::{ClientSecret, SecretHash, StoredSecret},
        secret::Secret,
    };

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn client(client_type: ClientType) -> Client {
        let id = ClientId::parse("orders").expect("a client id");
        Client::new(id, client_type, &Fixed(1), Timestamp::from_millis(1))
    }

    fn edited(client: &Client, patch: &ClientPatch) -> Result<Client, Error> {
        client.edited(patch, &Fixed(2), Timestamp::from_millis(2))
    }

    fn patch() -> ClientPatch {
        ClientPatch::default()
    }

    fn reach(reach: IntrospectReach) -> ClientPatch {
        ClientPatch { introspect: Some(reach), ..patch() }
    }

    fn refused_field(client: &Client, patch: &ClientPatch) -> &'static str {
        match edited(client, patch) {
            Err(Error::InvalidRequest { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = client(ClientType::Confidential);
        let audience = Audience::from_names(["billing"]).expect("an audience");
        let patch = ClientPatch { audience: Some(audience.clone()), ..patch() };
        let after = edited(&before, &patch).expect("edited");
        let update_time = Timestamp::from_millis(2);
        assert_eq!(after, Client { audience, update_time, ..before });
    }

    #[test]
    fn no_difference_is_no_change() {
        let before = client(ClientType::Public);
        let access_token_ttl = Some(before.lifetimes.access);
        let same = ClientPatch { access_token_ttl, ..ClientPatch::disabled(false) };
        assert_eq!(edited(&before, &same), Ok(before));
    }

    #[test]
    fn disabling_moves_the_epoch_and_enabling_does_not_bring_the_old_one_back() {
        let before = client(ClientType::Confidential);
        let disabled = edited(&before, &ClientPatch::disabled(true)).expect("edited");
        assert_ne!(disabled.epoch, before.epoch);
        let again = disabled.edited(&ClientPatch::disabled(true), &Fixed(3), before.create_time);
        assert_eq!(again, Ok(disabled.clone()));
        let enabled = disabled
            .edited(&ClientPatch::disabled(false), &Fixed(1), before.create_time)
            .expect("edited");
        assert_eq!(enabled.epoch, disabled.epoch);
    }

    #[test]
    fn fields_that_do_not_fit_together_are_refused() {
        let before = client(ClientType::Confidential);
        let scopes = Scopes::parse("read").expect("scopes");
        let ttls = |access_token_ttl, refresh_token_ttl, grant_ttl| ClientPatch {
            access_token_ttl,
            refresh_token_ttl,
            grant_ttl,
            ..patch()
        };
        let short = Some(Duration::from_millis(999));
        for (patch, field) in [
            (ClientPatch { default_scopes: Some(scopes), ..patch() }, "client.scopes"),
            (ttls(Some(91 * DAY), None, None), "client.access_token_ttl"),
            (ttls(None, None, Some(Duration::from_secs(60))), "client.access_token_ttl"),
            (ttls(None, short, None), "client.refresh_token_ttl"),
            (ttls(None, None, Some(Duration::ZERO)), "client.grant_ttl"),
        ] {
            assert_eq!(refused_field(&before, &patch), field);
        }
        let together = ttls(Some(91 * DAY), None, Some(92 * DAY));
        assert!(edited(&before, &together).is_ok(), "judged as a whole");
    }

    #[test]
    fn a_public_client_gets_nothing_that_needs_a_secret() {
        let own: GrantTypes = [GrantType::ClientCredentials].into_iter().collect();
        let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let admin = Permissions { admin: true, ..Permissions::default() };
        let jeton = Audience::from_names(["billing", "jeton"]).expect("an audience");
        for (patch, field) in [
            (ClientPatch { grant_types: Some(own), ..patch() }, "client.grant_types"),
            (
                ClientPatch { certificates: Some(vec![certificate]), ..patch() },
                "client.certificates",
            ),
            (ClientPatch { permissions: Some(admin), ..patch() }, "client.permissions"),
            (reach(IntrospectReach::Audience), "client.introspect"),
            (reach(IntrospectReach::Any), "client.introspect"),
            (ClientPatch { audience: Some(jeton), ..patch() }, "client.audience"),
        ] {
            assert_eq!(refused_field(&client(ClientType::Public), &patch), field);
            assert!(edited(&client(ClientType::Confidential), &patch).is_ok());
        }
    }

    #[test]
    fn secrets_are_taken_away_where_there_is_another_way() {
        let mut before = client(ClientType::Confidential);
        let stored = StoredSecret::Generated(SecretHash::of(&Secret::new("jcs_any")));
        let (create_time, expire_time) = (before.create_time, None);
        before.secrets.push(ClientSecret { stored, create_time, expire_time, made_by: None });
        let removal = ClientPatch { removes_secrets: true, ..patch() };
        assert_eq!(refused_field(&before, &removal), "client");
        let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
        before.certificates.push(certificate);
        let after = edited(&before, &removal).expect("edited");
        assert!(after.secrets.is_empty() && after.epoch == before.epoch, "its grants live on");
    }

    #[test]
    fn a_client_that_breaks_a_rule_can_be_disabled_and_not_enabled_again() {
        let mut broken = client(ClientType::Confidential);
        broken.lifetimes.grant = Duration::from_secs(60);
        let disable = ClientPatch::disabled(true);
        let disabled = edited(&broken, &disable).expect("disabled");
        assert!(disabled.disabled && disabled.epoch != broken.epoch);
        let access_token_ttl = Some(broken.lifetimes.access);
        let all = ClientPatch { access_token_ttl, ..ClientPatch::disabled(true) };
        assert_eq!(edited(&broken, &all), Ok(disabled.clone()), "all fields written back");
        let enable = ClientPatch::disabled(false);
        assert_eq!(refused_field(&disabled, &enable), "client.access_token_ttl");
        let grant_ttl = Some(Duration::ZERO);
        let worse = ClientPatch { grant_ttl, ..ClientPatch::disabled(true) };
        assert_eq!(refused_field(&broken, &worse), "client.grant_ttl");
    }

    #[test]
    fn a_public_client_that_was_once_let_have_them_can_be_disabled_and_gets_no_more() {
        let audience = Audience::from_names(["jeton"]).expect("an audience");
        let introspect = IntrospectReach::Audience;
        let before = Client { audience, introspect, ..client(ClientType::Public) };
        let disabled = edited(&before, &ClientPatch::disabled(true)).expect("disabled");
        assert!(disabled.disabled && !disabled.may_call_by_token());
        let wider = reach(IntrospectReach::Any);
        assert_eq!(refused_field(&before, &wider), "client.introspect");
    }

    /// The bytes stay: with others a restart would undo what an administrator changed.
    #[test]
    fn what_was_declared_is_kept_under_the_keys_of_the_file_and_applied_once() {
        let one = NonZeroU32::MIN;
        let limit = RequestLimit { per_second: one, burst: one };
        let declared = ClientPatch {
            max_grants: Some(3),
            when_full: Some(WhenFull::Refuse),
            request_limit: Some(Some(limit)),
            ..ClientPatch::disabled(true)
        };
        let mut after = client(ClientType::Confidential);
        after.apply_declared(declared.clone());
        assert!(after.disabled && after.request_limit == Some(limit));
        let kept = |field: &str, bytes: &[u8]| *after.declared[field] == *Sha256::digest(bytes);
        assert!(kept("max_grants", &[3]) && kept("when_full", &[1]) && kept("disabled", &[1]));
        assert!(kept("request_limit", &[1, 1]) && after.declared.len() == 4);

        let changed = edited(&after, &ClientPatch::disabled(false)).expect("edited");
        let mut again = changed.clone();
        again.apply_declared(declared);
        assert_eq!(again, changed);
    }
}
