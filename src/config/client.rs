//! `[[client]]`: the clients that the file declares.

use std::num::NonZeroU32;

use super::{
    choice, client_identities,
    credential::{self, Clear, Given, Keys},
    duration,
    environment::Environment,
    fields::{Fields, Placed},
    pasted::name,
    phc,
    sections::secrets::{SecretSettings, WeakDeclared},
    warning::Warning,
};
use crate::domain::{
    access_format::JwtAttributes,
    audience::Audience,
    certificate::CertificateIdentity,
    client::{ClientType, GrantLimit},
    client_id::ClientId,
    client_patch::ClientPatch,
    client_rules::BrokenRule,
    client_secret::{SecretHash, StoredSecret},
    invalid::Invalid,
    request_limit::RequestLimit,
    scopes::Scopes,
    secret::Secret,
    signing_times::JwtLife,
};

const SECRET: Keys = Keys {
    clear: "secret",
    variable: "secret_env",
    file: "secret_file",
    hash: "secret_hash",
    one_only: "only one of secret, secret_env, secret_file and secret_hash may be given",
};

/// A client's secret in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredSecret {
    /// The secret itself, given in any way; 1 to [`Secret::MAX_BYTES`] bytes.
    Clear(Secret),
    /// A hash: SHA-256 of a generated secret, or an argon2id PHC string.
    Hash(StoredSecret),
}

/// A client in the file. A field that is not declared has its default for a new client, and stays
/// unchanged for an existing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredClient {
    /// The client's id, unique among the declarations.
    pub id: ClientId,
    /// `None` declares a public client, unless the client has certificates, identities or keys.
    pub secret: Option<DeclaredSecret>,
    /// The other fields. If the file declares only `scopes`, the allowed scopes are the same.
    pub patch: ClientPatch,
}

/// Other settings that decide which declarations of clients are valid.
pub(super) struct ClientRules<'a> {
    /// The source of secrets and files that a client names.
    pub(super) environment: &'a dyn Environment,
    /// Rules for chosen secrets.
    pub(super) secrets: &'a SecretSettings,
    /// True if the server asks its clients for certificates.
    pub(super) asks_certificates: bool,
    /// The longest life of a signed token.
    pub(super) longest: JwtLife,
}

impl DeclaredClient {
    /// Reads one table. Its place is that of its `id`. Returns `None` if the id is missing or
    /// invalid.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        rules: &ClientRules<'_>,
    ) -> Option<Placed<Self>> {
        let ClientRules { environment, secrets, asks_certificates, longest } = *rules;
        let id = fields.required("id", "a string", |text| name(text, ClientId::parse_new));
        let secret = credential::read(fields, &SECRET, environment, secret_hash);
        let patch = read_patch(fields, environment);
        // The client counts as certified even if its certificates, identities or keys are invalid.
        let given = |key: &str, empty: bool| fields.place(key).is_some() && !empty;
        let empty_certificates = patch.certificates.as_ref().is_some_and(Vec::is_empty);
        let empty_identities = patch.identities.as_ref().is_some_and(Vec::is_empty);
        let certified = given("certificates", empty_certificates)
            || given("identities", empty_identities)
            || given("jwks_file", false);
        let client_type = match secret {
            Given::Nothing if !certified => ClientType::Public,
            Given::Nothing | Given::Clear(_) | Given::Hash(_) | Given::Fault => {
                ClientType::Confidential
            }
        };
        for rule in patch.clone().broken_rules(client_type, longest) {
            refuse(fields, &patch, rule);
        }
        if patch.bound_to.flatten().is_some()
            && !asks_certificates
            && let Some(at) = fields.place("bound_to")
        {
            let problem = "needs tls.client_ca: no client is asked for a certificate, and this one would get no token";
            fields.fault(at, "bound_to", problem);
        }

        let Placed { at, value: id } = id?;
        if let Given::Clear(clear) = &secret {
            judge(fields, &id, clear, secrets);
        }
        let secret = match secret {
            Given::Clear(clear) => Some(DeclaredSecret::Clear(clear.text)),
            Given::Hash(hash) => Some(DeclaredSecret::Hash(hash)),
            Given::Nothing | Given::Fault => None,
        };
        Some(Placed { at, value: Self { id, secret, patch } })
    }

    /// Returns the client type. A client without credentials is public.
    pub fn client_type(&self) -> ClientType {
        let ClientPatch { certificates, identities, keys, .. } = &self.patch;
        let certified = certificates.as_ref().is_some_and(|list| !list.is_empty())
            || identities.as_ref().is_some_and(|list| !list.is_empty())
            || keys.is_some();
        if self.secret.is_some() || certified {
            ClientType::Confidential
        } else {
            ClientType::Public
        }
    }
}

/// Checks a secret against the rules for chosen secrets: refuses a weak one or warns about it.
fn judge(
    fields: &mut Fields<'_, '_>,
    id: &ClientId,
    Clear { at, key, text }: &Clear,
    secrets: &SecretSettings,
) {
    let Err(problem) = secrets.rules().check(id, text) else { return };
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

fn read_patch(fields: &mut Fields<'_, '_>, environment: &dyn Environment) -> ClientPatch {
    let scopes = |values: &[&str]| Scopes::from_values(values.iter().copied());
    let audience = |names: &[&str]| Audience::from_names(names.iter().copied());
    let lifetime = |fields: &mut Fields<'_, '_>, key| {
        fields.text(key, duration::FORM, duration::lifetime).map(Placed::value)
    };
    let mut patch = ClientPatch {
        certificates: fields
            .texts("certificates", |texts| CertificateIdentity::parse_all(texts.iter().copied()))
            .map(Placed::value),
        identities: client_identities::identities(fields),
        keys: client_identities::keys(fields, environment),
        grant_types: fields.texts("grants", choice::grants).map(Placed::value),
        default_scopes: fields.texts("scopes", scopes).map(Placed::value),
        allowed_scopes: fields.texts("allowed_scopes", scopes).map(Placed::value),
        audience: fields.texts("audience", audience).map(Placed::value),
        access_token_ttl: lifetime(fields, "access_token_ttl"),
        refresh_token_ttl: lifetime(fields, "refresh_token_ttl"),
        grant_ttl: lifetime(fields, "grant_ttl"),
        max_grants: fields.count("max_grants", GrantLimit::MOST).map(Placed::value),
        when_full: fields.text("when_full", "a string", choice::when_full).map(Placed::value),
        request_limit: read_request_limit(fields).map(Some),
        access_token_format: fields
            .text("access_token_format", "a string", choice::access_token_format)
            .map(Placed::value),
        jwt_attributes: fields
            .texts("jwt_attributes", |names| JwtAttributes::from_names(names.iter().copied()))
            .map(Placed::value),
        may_exchange_to: fields.texts("may_exchange_to", audience).map(Placed::value),
        may_act: fields.texts("may_act", audience).map(Placed::value),
        bound_to: fields.text("bound_to", "a string", choice::bound_to).map(Placed::value),
        introspect: fields.text("introspect", "a string", choice::introspect).map(Placed::value),
        permissions: fields.texts("permissions", choice::permissions).map(Placed::value),
        attributes: fields.attributes(),
        disabled: fields.flag("disabled"),
        removes_secrets: false,
    };
    patch.allowed_scopes = patch.allowed_scopes.or_else(|| patch.default_scopes.clone());
    patch
}

/// Reports a rule that the declaration breaks, with the file's names.
fn refuse(fields: &mut Fields<'_, '_>, patch: &ClientPatch, rule: BrokenRule) {
    let (key, problem) = match rule {
        BrokenRule::AccessBeyondGrant if patch.access_token_ttl.is_none() => {
            ("grant_ttl", "must be at least access_token_ttl, 15m by default")
        }
        BrokenRule::AccessBeyondGrant if patch.grant_ttl.is_none() => {
            ("access_token_ttl", "must be at most grant_ttl, 90d by default")
        }
        BrokenRule::PublicGrantTypes => (
            "grants",
            "a public client, one without a secret, may not use client_credentials or token_exchange",
        ),
        BrokenRule::ExchangeToJeton => ("may_exchange_to", "must not name jeton"),
        BrokenRule::PublicPermissions => {
            ("permissions", "a public client, one without a secret, may not administer")
        }
        BrokenRule::PublicReach => {
            ("introspect", "a public client, one without a secret, may not introspect")
        }
        BrokenRule::PublicAudience => (
            "audience",
            "a public client, one without a secret, may not have jeton in its audience: only where \
             people log in with jwt_bearer, and not with password",
        ),
        BrokenRule::LongJwt if patch.access_token_ttl.is_none() => (
            "access_token_format",
            r#""jwt" needs an access_token_ttl of at most keys.max_jwt_ttl"#,
        ),
        BrokenRule::LongJwt => (
            "access_token_ttl",
            r#"must be at most keys.max_jwt_ttl, 24h by default, for access_token_format = "jwt""#,
        ),
        BrokenRule::NoJwtAudience if patch.audience.is_none() => {
            ("access_token_format", r#""jwt" needs an audience"#)
        }
        BrokenRule::NoJwtAudience => {
            ("audience", r#"must have a name for access_token_format = "jwt""#)
        }
        BrokenRule::DefaultScopes => ("scopes", "each must also be one of allowed_scopes"),
        BrokenRule::AccessBeyondGrant => ("access_token_ttl", "must be at most grant_ttl"),
        BrokenRule::ManyCertificates => ("certificates", "must be at most 16"),
        BrokenRule::ManyIdentities => ("identities", "must be at most 16"),
        // No table can break these: a lifetime is read as at least a second, keys as at most two
        // different ones, and certificates, identities and keys make a client confidential.
        BrokenRule::ShortTtl(_)
        | BrokenRule::ManyKeys
        | BrokenRule::SameKeys
        | BrokenRule::NoCredentials
        | BrokenRule::PublicCertificates
        | BrokenRule::PublicIdentities
        | BrokenRule::PublicKeys => return,
    };
    if let Some(at) = fields.place(key) {
        fields.fault(at, key, problem);
    }
}

/// Reads the request limit. A burst alone is a fault, since it limits nothing.
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
