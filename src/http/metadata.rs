//! The authorization server's metadata (RFC 8414): where the endpoints are and what they take.

use serde::Serialize;

use super::{
    options::HttpOptions,
    routes::{INTROSPECT, JWKS, REVOKE, TOKEN},
};
use crate::domain::{algorithm::Algorithm, grant_type::GrantType};

/// Methods of client authentication without TLS certificates, by the names of RFC 7591 §2.
const CLIENT_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
/// Methods of callers of introspection. A `client_id` alone proves nothing; an access token goes by
/// the name of its type (RFC 8414 §2).
const CALLER_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "Bearer"];
/// The method by assertion. One of a trusted issuer goes by no name of its own.
const ASSERTION_METHODS: [&str; 1] = ["private_key_jwt"];
/// Methods by certificate (RFC 8705 §2.1.1, §2.2.1): by a name in it, and by its SHA-256.
const TLS_METHODS: [&str; 2] = ["tls_client_auth", "self_signed_tls_client_auth"];

/// Algorithms that this server signs by.
const OWN_ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// The members of the document. `response_types_supported` is required and empty: there is no
/// authorization endpoint (RFC 8414 §2). Other empty arrays are omitted.
#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    jwks_uri: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    token_endpoint_auth_signing_alg_values_supported: &'a [&'static str],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    revocation_endpoint_auth_signing_alg_values_supported: &'a [&'static str],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    introspection_endpoint_auth_signing_alg_values_supported: &'a [&'static str],
    /// Algorithms of answers that are signed (RFC 9701 §7).
    introspection_signing_alg_values_supported: [&'static str; 3],
    /// Tokens of a client can be bound to its certificate (RFC 8705 §3.3).
    #[serde(skip_serializing_if = "<&bool as std::ops::Not>::not")]
    tls_client_certificate_bound_access_tokens: bool,
    grant_types_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 0],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
}

/// Returns the document.
pub(super) fn text(options: &HttpOptions) -> String {
    let tls_methods: &[&str] = if options.client_certificates { &TLS_METHODS } else { &[] };
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    let (assertion_methods, algorithms): (&[&str], &[&str]) =
        if options.assertions { (&ASSERTION_METHODS, &algorithms) } else { (&[], &[]) };
    let with_others =
        |methods: [&'static str; 3]| [&methods[..], assertion_methods, tls_methods].concat();
    let spoken = GrantType::ALL.into_iter();
    let spoken = spoken.filter(|spoken| options.people || *spoken != GrantType::JwtBearer);
    let metadata = Metadata {
        issuer: &options.issuer,
        jwks_uri: options.url(JWKS),
        token_endpoint: options.url(TOKEN),
        token_endpoint_auth_methods_supported: with_others(CLIENT_METHODS),
        token_endpoint_auth_signing_alg_values_supported: algorithms,
        revocation_endpoint: options.url(REVOKE),
        revocation_endpoint_auth_methods_supported: with_others(CLIENT_METHODS),
        revocation_endpoint_auth_signing_alg_values_supported: algorithms,
        introspection_endpoint: options.url(INTROSPECT),
        introspection_endpoint_auth_methods_supported: with_others(CALLER_METHODS),
        introspection_endpoint_auth_signing_alg_values_supported: algorithms,
        introspection_signing_alg_values_supported: OWN_ALGORITHMS.map(Algorithm::name),
        tls_client_certificate_bound_access_tokens: options.client_certificates,
        grant_types_supported: spoken.map(GrantType::name).collect(),
        response_types_supported: [],
        scopes_supported: &options.scopes_supported,
    };
    // Structures of strings always have a JSON text.
    serde_json::to_string(&metadata).unwrap_or_default()
}
