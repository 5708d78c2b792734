//! How an administrator's changes turn one state of a client into the next.

use std::time::Duration;

use super::{
    attributes::Attributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client::{Client, ClientType, Declared, GrantLimit, IntrospectReach, Lifetimes, Permissions},
    client_id::ClientId,
    entropy::Entropy,
    epoch::Epoch,
    error::Error,
    grant_type::{GrantType, GrantTypes},
    request_limit::RequestLimit,
    scopes::Scopes,
    time::Timestamp,
};

/// Shortest life of what a client gets: the wire counts `expires_in` in seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// The new value of one field of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEdit {
    /// How it may get tokens.
    GrantTypes(GrantTypes),
    /// Granted when none is asked.
    DefaultScopes(Scopes),
    /// What may be asked.
    AllowedScopes(Scopes),
    /// What may be asked; granted when none is asked, save jeton.
    Audience(Audience),
    /// Life of an access token: at least 1 s, at most that of the grant.
    AccessTtl(Duration),
    /// Life of a refresh token that is not used: at least 1 s.
    RefreshTtl(Duration),
    /// Life of a grant: at least 1 s.
    GrantTtl(Duration),
    /// How many grants each of its users may have.
    GrantLimit(GrantLimit),
    /// How many of its requests are served; `None` for all.
    RequestLimit(Option<RequestLimit>),
    /// The certificates that are as good as a secret.
    Certificates(Vec<CertificateIdentity>),
    /// Whose tokens it may introspect.
    Introspect(IntrospectReach),
    /// What else it may do.
    Permissions(Permissions),
    /// What introspection tells of it.
    Attributes(Attributes),
    /// Whether it is refused everywhere, and its grants are dead.
    Disabled(bool),
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

    /// The client with some fields changed. Disabling it ends its grants for good: the epoch moves.
    /// Without any difference it is the same state, its `update_time` included.
    ///
    /// # Errors
    /// `InvalidRequest` when the fields do not fit together, or not the client's type. Disabling alone is
    /// never refused.
    pub fn edited(
        &self,
        edits: &[ClientEdit],
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut next = self.clone();
        for edit in edits {
            next.apply(edit.clone());
        }
        if !self.is_only_ended_in(&next) {
            next.check(self)?;
        }
        if next.disabled && !self.disabled {
            next.epoch = Epoch::generate(entropy);
        }
        if next != *self {
            next.update_time = now;
        }
        Ok(next)
    }

    /// Takes away what a public client must not have.
    pub fn drop_what_needs_a_secret(&mut self) {
        self.secrets.clear();
        self.certificates.clear();
        self.grant_types = self.grant_types.without(GrantType::ClientCredentials);
        self.permissions.admin = false;
        self.introspect = IntrospectReach::Own;
        self.audience = self.audience.without_jeton();
    }

    fn apply(&mut self, edit: ClientEdit) {
        match edit {
            ClientEdit::GrantTypes(value) => self.grant_types = value,
            ClientEdit::DefaultScopes(value) => self.default_scopes = value,
            ClientEdit::AllowedScopes(value) => self.allowed_scopes = value,
            ClientEdit::Audience(value) => self.audience = value,
            ClientEdit::AccessTtl(value) => self.lifetimes.access = value,
            ClientEdit::RefreshTtl(value) => self.lifetimes.refresh = value,
            ClientEdit::GrantTtl(value) => self.lifetimes.grant = value,
            ClientEdit::GrantLimit(value) => self.grant_limit = value,
            ClientEdit::RequestLimit(value) => self.request_limit = value,
            ClientEdit::Certificates(value) => self.certificates = value,
            ClientEdit::Introspect(value) => self.introspect = value,
            ClientEdit::Permissions(value) => self.permissions = value,
            ClientEdit::Attributes(value) => self.attributes = value,
            ClientEdit::Disabled(value) => self.disabled = value,
        }
    }

    /// Whether `next` is this client, disabled: whatever else is wrong with a client is no reason to let it
    /// go on.
    fn is_only_ended_in(&self, next: &Self) -> bool {
        next.disabled && Self { disabled: self.disabled, ..next.clone() } == *self
    }

    /// Whether the fields fit together, and the client's type; `before` is what it was.
    ///
    /// # Errors
    /// `InvalidRequest`, of the field that does not.
    pub fn check(&self, before: &Self) -> Result<(), Error> {
        let refuse = |field, problem| Err(Error::InvalidRequest { field, problem });
        if !self.default_scopes.is_within(&self.allowed_scopes) {
            return refuse("client.scopes", "each must also be one of allowed_scopes");
        }
        let Lifetimes { access, refresh, grant } = self.lifetimes;
        for (field, ttl) in [
            ("client.access_token_ttl", access),
            ("client.refresh_token_ttl", refresh),
            ("client.grant_ttl", grant),
        ] {
            if ttl < SHORTEST {
                return refuse(field, "must be at least 1 s");
            }
        }
        if access > grant {
            return refuse("client.access_token_ttl", "must be at most grant_ttl");
        }
        if self.certificates.len() > CertificateIdentity::MAX {
            return refuse("client.certificates", "must be at most 16");
        }
        match self.client_type {
            ClientType::Confidential => Ok(()),
            ClientType::Public => self.check_public(before),
        }
    }

    /// A public client has no reach and no `jeton`: its id alone speaks in its name. An earlier release
    /// let it have them, where they count for nothing: so that such a record can be disabled, they may stay.
    fn check_public(&self, before: &Self) -> Result<(), Error> {
        let problem = "not for a public client";
        let reaches = self.introspect > before.introspect.max(IntrospectReach::Own);
        let names_jeton = self.audience.names_jeton() && !before.audience.names_jeton();
        let field = if self.grant_types.contains(GrantType::ClientCredentials) {
            "client.grant_types"
        } else if !self.certificates.is_empty() {
            "client.certificates"
        } else if self.permissions.admin {
            "client.permissions"
        } else if reaches {
            "client.introspect"
        } else if names_jeton {
            "client.audience"
        } else {
            return Ok(());
        };
        Err(Error::InvalidRequest { field, problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn edited(client: &Client, edits: &[ClientEdit]) -> Result<Client, Error> {
        client.edited(edits, &Fixed(2), Timestamp::from_millis(2))
    }

    fn refused_field(client: &Client, edits: &[ClientEdit]) -> &'static str {
        match edited(client, edits) {
            Err(Error::InvalidRequest { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = client(ClientType::Confidential);
        let audience = Audience::from_names(["billing"]).expect("an audience");
        let after = edited(&before, &[ClientEdit::Audience(audience.clone())]).expect("edited");
        let update_time = Timestamp::from_millis(2);
        assert_eq!(after, Client { audience, update_time, ..before });
    }

    #[test]
    fn no_difference_is_no_change() {
        let before = client(ClientType::Public);
        let same = [ClientEdit::Disabled(false), ClientEdit::AccessTtl(before.lifetimes.access)];
        assert_eq!(edited(&before, &same), Ok(before));
    }

    #[test]
    fn disabling_moves_the_epoch_and_enabling_does_not_bring_the_old_one_back() {
        let before = client(ClientType::Confidential);
        let disabled = edited(&before, &[ClientEdit::Disabled(true)]).expect("edited");
        assert_ne!(disabled.epoch, before.epoch);
        let again = disabled.edited(&[ClientEdit::Disabled(true)], &Fixed(3), before.create_time);
        assert_eq!(again, Ok(disabled.clone()));
        let enabled = disabled
            .edited(&[ClientEdit::Disabled(false)], &Fixed(1), before.create_time)
            .expect("edited");
        assert_eq!(enabled.epoch, disabled.epoch);
    }

    #[test]
    fn fields_that_do_not_fit_together_are_refused() {
        let before = client(ClientType::Confidential);
        let scopes = Scopes::parse("read").expect("scopes");
        for (edits, field) in [
            (vec![ClientEdit::DefaultScopes(scopes)], "client.scopes"),
            (vec![ClientEdit::AccessTtl(91 * DAY)], "client.access_token_ttl"),
            (vec![ClientEdit::GrantTtl(Duration::from_secs(60))], "client.access_token_ttl"),
            (vec![ClientEdit::RefreshTtl(Duration::from_millis(999))], "client.refresh_token_ttl"),
            (vec![ClientEdit::GrantTtl(Duration::ZERO)], "client.grant_ttl"),
        ] {
            assert_eq!(refused_field(&before, &edits), field);
        }
        let together = [ClientEdit::AccessTtl(91 * DAY), ClientEdit::GrantTtl(92 * DAY)];
        assert!(edited(&before, &together).is_ok(), "judged as a whole");
    }

    #[test]
    fn a_public_client_gets_nothing_that_needs_a_secret() {
        let own: GrantTypes = [GrantType::ClientCredentials].into_iter().collect();
        let certificate = CertificateIdentity::parse("dns:a.example").expect("an identity");
        let admin = Permissions { admin: true, inactive_reason: false };
        let jeton = Audience::from_names(["billing", "jeton"]).expect("an audience");
        for (edit, field) in [
            (ClientEdit::GrantTypes(own), "client.grant_types"),
            (ClientEdit::Certificates(vec![certificate]), "client.certificates"),
            (ClientEdit::Permissions(admin), "client.permissions"),
            (ClientEdit::Introspect(IntrospectReach::Audience), "client.introspect"),
            (ClientEdit::Introspect(IntrospectReach::Any), "client.introspect"),
            (ClientEdit::Audience(jeton), "client.audience"),
        ] {
            let edits = [edit];
            assert_eq!(refused_field(&client(ClientType::Public), &edits), field);
            assert!(edited(&client(ClientType::Confidential), &edits).is_ok());
        }
    }

    #[test]
    fn a_client_that_breaks_a_rule_can_be_disabled_and_not_enabled_again() {
        let mut broken = client(ClientType::Confidential);
        broken.lifetimes.grant = Duration::from_secs(60);
        let disable = [ClientEdit::Disabled(true)];
        let disabled = edited(&broken, &disable).expect("disabled");
        assert!(disabled.disabled && disabled.epoch != broken.epoch);
        let all = [ClientEdit::Disabled(true), ClientEdit::AccessTtl(broken.lifetimes.access)];
        assert_eq!(edited(&broken, &all), Ok(disabled.clone()), "all fields written back");
        let enable = [ClientEdit::Disabled(false)];
        assert_eq!(refused_field(&disabled, &enable), "client.access_token_ttl");
        let worse = [ClientEdit::Disabled(true), ClientEdit::GrantTtl(Duration::ZERO)];
        assert_eq!(refused_field(&broken, &worse), "client.grant_ttl");
    }

    #[test]
    fn a_public_client_that_was_once_let_have_them_can_be_disabled_and_gets_no_more() {
        let audience = Audience::from_names(["jeton"]).expect("an audience");
        let introspect = IntrospectReach::Audience;
        let before = Client { audience, introspect, ..client(ClientType::Public) };
        let disabled = edited(&before, &[ClientEdit::Disabled(true)]).expect("disabled");
        assert!(disabled.disabled && !disabled.may_call_by_token());
        let wider = [ClientEdit::Introspect(IntrospectReach::Any)];
        assert_eq!(refused_field(&before, &wider), "client.introspect");
    }
}
