//! The authorization server's metadata (RFC 8414): where the endpoints are and what they take.

use serde::Serialize;

use super::{
    options::HttpOptions,
    routes::{INTROSPECT, REVOKE, TOKEN},
};
use crate::domain::grant_type::GrantType;

/// How clients authenticate, by the names of RFC 7591 §2.
const CLIENT_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
/// A name alone proves nothing to introspection; an access token does, and goes by the name of its
/// type (RFC 8414 §2).
const CALLER_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "Bearer"];

/// What is true of this server and no more: without an authorization endpoint there are no response
/// types.
#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    grant_types_supported: [&'static str; 3],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
}

/// The document.
pub(super) fn text(options: &HttpOptions) -> String {
    let metadata = Metadata {
        issuer: &options.issuer,
        token_endpoint: options.url(TOKEN),
        token_endpoint_auth_methods_supported: CLIENT_METHODS,
        revocation_endpoint: options.url(REVOKE),
        revocation_endpoint_auth_methods_supported: CLIENT_METHODS,
        introspection_endpoint: options.url(INTROSPECT),
        introspection_endpoint_auth_methods_supported: CALLER_METHODS,
        grant_types_supported: GrantType::ALL.map(GrantType::name),
        scopes_supported: &options.scopes_supported,
    };
    // Structures of strings always have a JSON text.
    serde_json::to_string(&metadata).unwrap_or_default()
}
