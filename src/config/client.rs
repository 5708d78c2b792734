//! `[[client]]`: the clients that the file declares.

use std::{num::NonZeroU32, time::Duration};

use super::{
    choice,
    credential::{self, Clear, Given, Keys},
    duration,
    environment::Environment,
    fields::{Fields, Placed},
    phc,
    secrets::{SecretSettings, WeakDeclared},
    warning::Warning,
};
use crate::domain::{
    attributes::Attributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client::{ClientType, GrantLimit, IntrospectReach, Lifetimes, Permissions, WhenFull},
    client_id::ClientId,
    client_secret::{SecretHash, StoredSecret},
    grant_type::{GrantType, GrantTypes},
    invalid::Invalid,
    request_limit::RequestLimit,
    scopes::Scopes,
    secret::Secret,
};

const SECRET: Keys = Keys {
    clear: "secret",
    variable: "secret_env",
    file: "secret_file",
    hash: "secret_hash",
    one_only: "only one of secret, secret_env, secret_file and secret_hash may be given",
};

/// A client's secret as the file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredSecret {
    /// The secret itself, by whichever way; 1 to [`Secret::MAX_BYTES`] bytes.
    Clear(Secret),
    /// A hash: SHA-256 of a generated secret, or an argon2id PHC string.
    Hash(StoredSecret),
}

/// A client as the file declares it. A field that is `None` is not declared: it is the default of
/// a new client, and whatever it is of one that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredClient {
    /// Its name; no two declarations share one.
    pub id: ClientId,
    /// `None` declares a public client, unless it has certificates.
    pub secret: Option<DeclaredSecret>,
    /// `grants`. Never client credentials for a public client.
    pub grant_types: Option<GrantTypes>,
    /// `scopes`: granted when none is asked, in this order. Within [`Self::allowed_scopes`].
    pub default_scopes: Option<Scopes>,
    /// What may be asked. Where the file declares `scopes` alone, these are the same.
    pub allowed_scopes: Option<Scopes>,
    /// What may be asked; granted when none is asked, save jeton. Never jeton for a public client.
    pub audience: Option<Audience>,
    /// Of an access token: at least 1s and, after defaults, at most [`Self::grant_ttl`].
    pub access_token_ttl: Option<Duration>,
    /// Of a refresh token that is not used: at least 1s.
    pub refresh_token_ttl: Option<Duration>,
    /// Of the grant and all of it: at least 1s.
    pub grant_ttl: Option<Duration>,
    /// How many live grants each of its users may have: 1 to [`GrantLimit::MOST`].
    pub max_grants: Option<u32>,
    /// What happens to the next login.
    pub when_full: Option<WhenFull>,
    /// `requests_per_second` and `request_burst`, by default the same: each at most
    /// [`RequestLimit::MOST`].
    pub request_limit: Option<RequestLimit>,
    /// The certificates that are as good as a secret: at most [`CertificateIdentity::MAX`].
    pub certificates: Option<Vec<CertificateIdentity>>,
    /// Whose tokens it may introspect. Never more than its own for a public client.
    pub introspect: Option<IntrospectReach>,
    /// What else it may do. Never admin for a public client.
    pub permissions: Option<Permissions>,
    /// What introspection tells of it.
    pub attributes: Option<Attributes>,
    /// Refused everywhere, and its grants are dead.
    pub disabled: Option<bool>,
}

impl DeclaredClient {
    /// Reads one table; the place is that of its `id`. `None` when what comes back would have no
    /// name.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        environment: &dyn Environment,
        secrets: &SecretSettings,
    ) -> Option<Placed<Self>> {
        let id = fields.required("id", "a string", ClientId::parse_new);
        let secret = credential::read(fields, &SECRET, environment, secret_hash);
        let certified = fields.place("certificates").is_some();
        let certificates = fields.texts("certificates", certificates);
        // Certificates at fault may have been meant to be some.
        let certified =
            certified && certificates.as_ref().is_none_or(|list| !list.value.is_empty());
        let public = matches!(secret, Given::Nothing) && !certified;
        let grants = fields.texts("grants", choice::grants);
        check_grants(fields, grants.filter(|_| public));
        let [default_scopes, allowed_scopes] = read_scopes(fields);
        let audience =
            fields.texts("audience", |names| Audience::from_names(names.iter().copied()));
        check_audience(fields, audience.as_ref().filter(|_| public));
        let [access, refresh, grant] = read_lifetimes(fields);
        let max_grants = fields.count("max_grants", GrantLimit::MOST);
        let when_full = fields.text("when_full", "a string", choice::when_full);
        let request_limit = read_request_limit(fields);
        let introspect = fields.text("introspect", "a string", choice::introspect);
        check_reach(fields, introspect.as_ref().filter(|_| public));
        let permissions = fields.texts("permissions", choice::permissions);
        check_permissions(fields, permissions.filter(|_| public));
        let attributes = fields
            .entries("attributes", |entries| Attributes::from_entries(entries.iter().copied()));
        let disabled = fields.flag("disabled");

        let Placed { at, value: id } = id?;
        if let Given::Clear(clear) = &secret {
            judge(fields, &id, clear, secrets);
        }
        let client = Self {
            id,
            secret: match secret {
                Given::Clear(clear) => Some(DeclaredSecret::Clear(clear.text)),
                Given::Hash(hash) => Some(DeclaredSecret::Hash(hash)),
                Given::Nothing | Given::Fault => None,
            },
            grant_types: grants.map(|grants| grants.value),
            default_scopes,
            allowed_scopes,
            audience: audience.map(|audience| audience.value),
            access_token_ttl: access,
            refresh_token_ttl: refresh,
            grant_ttl: grant,
            max_grants: max_grants.map(|max| max.value),
            when_full: when_full.map(|choice| choice.value),
            request_limit,
            certificates: certificates.map(|certificates| certificates.value),
            introspect: introspect.map(|reach| reach.value),
            permissions: permissions.map(|permissions| permissions.value),
            attributes: attributes.map(|attributes| attributes.value),
            disabled,
        };
        Some(Placed { at, value: client })
    }

    /// A client that has nothing to authenticate with is public.
    pub fn client_type(&self) -> ClientType {
        let certified = self.certificates.as_ref().is_some_and(|list| !list.is_empty());
        if self.secret.is_some() || certified {
            ClientType::Confidential
        } else {
            ClientType::Public
        }
    }
}

/// Refuses a secret that is not what is asked of those that are chosen, or warns of it.
fn judge(
    fields: &mut Fields<'_, '_>,
    id: &ClientId,
    Clear { at, key, text }: &Clear,
    secrets: &SecretSettings,
) {
    let Err(problem) = secrets.rules.check(id, text) else { return };
    match secrets.weak_declared {
        WeakDeclared::Refuse => {
            let way_out = r#"; secrets.weak_declared = "warn" lets it be"#;
            fields.fault(*at, key, &format!("{problem}{way_out}"));
        }
        WeakDeclared::Warn => {
            fields.report().warn(Warning::Secret { id: id.clone(), problem });
        }
    }
}

fn secret_hash(text: &str) -> Result<StoredSecret, Invalid> {
    if let Some(digits) = text.strip_prefix("sha256:") {
        let hash = SecretHash::parse_hex(digits);
        return hash
            .map(StoredSecret::Generated)
            .ok_or(Invalid("must have 64 hexadecimal digits after sha256:"));
    }
    if text.starts_with('$') {
        return phc::check(text).map(StoredSecret::Chosen);
    }
    Err(Invalid("must be an argon2id PHC string, or sha256: and 64 hexadecimal digits"))
}

/// Whoever knows a public client's id could ask in its name (RFC 6749 §4.4).
fn check_grants(fields: &mut Fields<'_, '_>, of_public: Option<Placed<GrantTypes>>) {
    let own = |grants: &Placed<GrantTypes>| grants.value.contains(GrantType::ClientCredentials);
    if let Some(grants) = of_public.filter(own) {
        let problem = "a public client, one without a secret, may not use client_credentials";
        fields.fault(grants.at, "grants", problem);
    }
}

fn check_permissions(fields: &mut Fields<'_, '_>, of_public: Option<Placed<Permissions>>) {
    if let Some(permissions) = of_public.filter(|permissions| permissions.value.admin) {
        let problem = "a public client, one without a secret, may not be admin";
        fields.fault(permissions.at, "permissions", problem);
    }
}

/// The name `jeton` is for tokens that a client gets for itself, which a public one cannot.
fn check_audience(fields: &mut Fields<'_, '_>, of_public: Option<&Placed<Audience>>) {
    if let Some(audience) = of_public.filter(|audience| audience.value.names_jeton()) {
        let problem = "a public client, one without a secret, may not have jeton in its audience";
        fields.fault(audience.at, "audience", problem);
    }
}

/// Whoever knows a public client's id could ask in its name.
fn check_reach(fields: &mut Fields<'_, '_>, of_public: Option<&Placed<IntrospectReach>>) {
    if let Some(reach) = of_public.filter(|reach| reach.value != IntrospectReach::Own) {
        let problem = "a public client, one without a secret, may not introspect";
        fields.fault(reach.at, "introspect", problem);
    }
}

/// A burst alone limits nothing.
fn read_request_limit(fields: &mut Fields<'_, '_>) -> Option<RequestLimit> {
    let missing = fields.place("requests_per_second").is_none();
    let per_second = fields.count("requests_per_second", RequestLimit::MOST);
    let burst = fields.count("request_burst", RequestLimit::MOST);
    if let Some(burst) = burst.filter(|_| missing) {
        fields.fault(burst.at, "request_burst", "needs requests_per_second");
    }
    let whole = |count: Placed<u32>| NonZeroU32::new(count.value);
    let per_second = per_second.and_then(whole)?;
    Some(RequestLimit { per_second, burst: burst.and_then(whole).unwrap_or(per_second) })
}

/// One that is repeated counts once.
fn certificates(texts: &[&str]) -> Result<Vec<CertificateIdentity>, Invalid> {
    let mut identities = Vec::new();
    for text in texts {
        let identity = CertificateIdentity::parse(text)?;
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    if identities.len() > CertificateIdentity::MAX {
        return Err(Invalid("must be at most 16"));
    }
    Ok(identities)
}

/// Default and allowed scopes.
fn read_scopes(fields: &mut Fields<'_, '_>) -> [Option<Scopes>; 2] {
    let parse = |values: &[&str]| Scopes::from_values(values.iter().copied());
    let default = fields.texts("scopes", parse);
    let allowed = fields.texts("allowed_scopes", parse).map(|allowed| allowed.value);
    if let (Some(default), Some(allowed)) = (&default, &allowed)
        && !default.value.is_within(allowed)
    {
        fields.fault(default.at, "scopes", "each must also be one of allowed_scopes");
    }
    let default = default.map(|default| default.value);
    let allowed = allowed.or_else(|| default.clone());
    [default, allowed]
}

/// Lifetimes of access token, refresh token and grant.
fn read_lifetimes(fields: &mut Fields<'_, '_>) -> [Option<Duration>; 3] {
    let mut read = |key| fields.text(key, duration::FORM, duration::lifetime);
    let access = read("access_token_ttl");
    let refresh = read("refresh_token_ttl");
    let grant = read("grant_ttl");

    let standard = Lifetimes::default();
    match (access, grant) {
        (Some(access), None) if access.value > standard.grant => {
            fields.fault(
                access.at,
                "access_token_ttl",
                "must be at most grant_ttl, 90d by default",
            );
        }
        (Some(access), Some(grant)) if access.value > grant.value => {
            fields.fault(access.at, "access_token_ttl", "must be at most grant_ttl");
        }
        (None, Some(grant)) if grant.value < standard.access => {
            let problem = "must be at least access_token_ttl, 15m by default";
            fields.fault(grant.at, "grant_ttl", problem);
        }
        _ => {}
    }
    [access, refresh, grant].map(|ttl| ttl.map(|ttl| ttl.value))
}
