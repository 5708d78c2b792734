//! ID tokens of people (OIDC Core §2): the rules of an issuer that is enabled for users, and
//! what a good ID token proves.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    attributes::Attributes, cause::Cause, claim_texts::ClaimTexts, claims::Claims,
    client_id::ClientId, invalid::Invalid, permission::Permissions, time::Timestamp,
    user_identity::UserIdentity, vouched::Vouched,
};

/// The rules for ID tokens of one issuer, as the settings have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRules {
    /// Audiences that ID tokens can have.
    pub audiences: Vec<PersonAudience>,
    /// `true` if somebody without a user gets one at the first login.
    pub create: bool,
    /// Claim with the name of a user that is created.
    pub name_claim: Box<str>,
    /// Attributes of users, each with the claim that it comes from.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
    /// Permissions in administration, by values of claims.
    pub permissions: Vec<PermissionRule>,
    /// Time from a login to the end of its permissions.
    pub permission_ttl: Duration,
}

/// An audience of ID tokens: the id of an application at the issuer, and who may show its tokens here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonAudience {
    /// `aud`, the id of the application.
    pub id: Box<str>,
    /// The clients that are this application. Another one that got hold of its ID tokens cannot log
    /// anybody in by them.
    pub clients: BTreeSet<ClientId>,
}

/// Permissions for everybody whose claim has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionRule {
    /// The claim: a text, or a list of texts.
    pub claim: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// The permissions.
    pub allow: Permissions,
}

/// A person, as a good ID token describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The subject of the issuer.
    pub identity: UserIdentity,
    /// `true` if a user may be created for them.
    pub create: bool,
    /// The name for that user; `None` if the claim is not there.
    pub name: Option<Box<str>>,
    /// Values of the mapped attributes; `None` where the claim is not there.
    pub attributes: BTreeMap<Box<str>, Option<Box<str>>>,
    /// Permissions that the claims give.
    pub permissions: Permissions,
    /// From when on they end.
    pub permission_end: Timestamp,
    /// From when on the ID token is refused.
    pub expire_time: Timestamp,
}

impl PersonRules {
    /// All permissions that a login can give.
    pub fn may_allow(&self) -> Permissions {
        self.permissions.iter().flat_map(|rule| rule.allow.iter()).collect()
    }

    /// Refuses what is no ID token although the issuer's key has signed it: access tokens and logout
    /// tokens of providers that do not type them (RFC 8725 §3.12).
    ///
    /// # Errors
    /// `WrongMediaType`.
    pub fn check_kind(claims: &Claims, texts: &ClaimTexts) -> Result<(), Cause> {
        let other = |name: &str, is: &str| {
            texts.has(name) && texts.only(name).is_none_or(|kind| !kind.eq_ignore_ascii_case(is))
        };
        let header = claims.media_type.as_deref().map(str::to_ascii_lowercase);
        let typed = header.is_some_and(|header| {
            let name = header.strip_prefix("application/").unwrap_or(&header);
            !matches!(name, "jwt" | "jose")
        });
        let access = ["scope", "scp", "events"].into_iter().any(|name| texts.has(name));
        // Keycloak and Cognito give the kind in a claim.
        if typed || access || other("typ", "ID") || other("token_use", "id") {
            return Err(Cause::WrongMediaType);
        }
        Ok(())
    }

    /// Refuses an ID token that was not made for an application that `client` is (OIDC Core
    /// §3.1.3.7, 3 to 5): each of its audiences and its authorized party must be one.
    ///
    /// # Errors
    /// `WrongAudience`.
    pub fn check_audience(
        &self,
        claims: &Claims,
        texts: &ClaimTexts,
        client: &ClientId,
    ) -> Result<(), Cause> {
        let trusted = |id: &str| {
            let mut own = self.audiences.iter().filter(|known| known.clients.contains(client));
            own.any(|known| *known.id == *id)
        };
        let audience = &claims.audience;
        let party = texts.only("azp");
        let all = !audience.is_empty() && audience.iter().all(|id| trusted(id));
        let party_fits = party.map_or(!texts.has("azp") && audience.len() == 1, trusted);
        if all && party_fits { Ok(()) } else { Err(Cause::WrongAudience) }
    }

    /// The person whom judged claims describe.
    pub(super) fn person(
        &self,
        identity: UserIdentity,
        texts: &ClaimTexts,
        expire_time: Timestamp,
        now: Timestamp,
    ) -> Person {
        let value = |claim: &str| match texts.all(claim) {
            [] => None,
            values => Some(values.join(" ").into()),
        };
        let attributes = self.attributes.iter().map(|(name, claim)| (name.clone(), value(claim)));
        let given = self
            .permissions
            .iter()
            .filter(|rule| texts.all(&rule.claim).iter().any(|value| **value == *rule.value));
        Person {
            identity,
            create: self.create,
            name: texts.only(&self.name_claim).map(Into::into),
            attributes: attributes.collect(),
            permissions: given.flat_map(|rule| rule.allow.iter()).collect(),
            permission_end: now.after(self.permission_ttl),
            expire_time,
        }
    }
}

impl Person {
    /// The attributes of a user after this login: those that are not mapped stay.
    ///
    /// # Errors
    /// When they are too many or too long.
    pub fn attributes_after(&self, before: &Attributes) -> Result<Attributes, Invalid> {
        let kept = before.entries().filter(|(name, _)| !self.attributes.contains_key(*name));
        let mapped = self.attributes.iter();
        let mapped = mapped.filter_map(|(name, value)| Some((&**name, value.as_deref()?)));
        Attributes::from_entries(kept.chain(mapped))
    }

    /// The permissions that a user has after this login: those that another issuer gave stay, unless
    /// this one gives some.
    pub fn vouched_after(&self, before: Option<&Vouched>) -> Option<Vouched> {
        let issuer = &self.identity.issuer;
        let given = Vouched::new(issuer.clone(), self.permissions, self.permission_end);
        given.or_else(|| before.filter(|before| before.issuer != *issuer).cloned())
    }
}
