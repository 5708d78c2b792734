//! Schemas of requests, answers and headers in the `OpenAPI` description.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    domain::grant_type::GrantType,
    service::{ACCESS_TOKEN_TYPE, JWT_BEARER},
};

/// Every status that has a refusal, in the description's words.
const REFUSALS: [(StatusCode, &str); 8] = [
    (StatusCode::BAD_REQUEST, "The request is malformed or refused: `error` says which"),
    (StatusCode::UNAUTHORIZED, "Client, user or token did not authenticate"),
    (StatusCode::FORBIDDEN, "The caller may not do this"),
    (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than the server reads"),
    (StatusCode::TOO_MANY_REQUESTS, "Throttled: come back after `Retry-After` seconds"),
    (StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server; its log has the incident"),
    (StatusCode::SERVICE_UNAVAILABLE, "Nothing was decided: retry after `Retry-After` seconds"),
];

/// The name of a refusal's response, like `BadRequest`.
pub(super) fn response_name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().replace(' ', "")
}

/// The `components` of the description.
pub(super) fn components() -> Value {
    let responses = REFUSALS.map(|(status, text)| (response_name(status), refusal(status, text)));
    json!({
        "schemas": {
            "TokenRequest": token_request(),
            "TokenAnswer": token_answer(),
            "RevokeRequest": about_a_token(),
            "IntrospectRequest": about_a_token(),
            "Introspection": introspection(),
            "Error": error(),
            "Empty": { "type": "string", "maxLength": 0 },
            "Metadata": {
                "type": "object",
                "required": ["issuer", "token_endpoint", "response_types_supported"],
            },
            "Jwks": {
                "type": "object",
                "required": ["keys"],
                "properties": { "keys": { "type": "array", "items": { "type": "object" } } },
            },
            "OpenApi": { "type": "object", "required": ["openapi", "paths"] },
        },
        "responses": Map::from_iter(responses),
        "headers": headers(),
        "securitySchemes": {
            "basic": { "type": "http", "scheme": "basic" },
            "bearer": { "type": "http", "scheme": "bearer" },
        },
    })
}

fn refusal(status: StatusCode, text: &str) -> Value {
    let header = match status {
        StatusCode::UNAUTHORIZED => Some("WWW-Authenticate"),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some("Retry-After"),
        _ => None,
    };
    let headers = header
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })));
    json!({
        "description": text,
        "headers": Map::from_iter(headers),
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    })
}

fn headers() -> Value {
    json!({
        "WWW-Authenticate": {
            "description": "How to authenticate",
            "required": true,
            "schema": { "type": "string" },
        },
        "Retry-After": {
            "description": "Seconds",
            "required": true,
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

/// An empty value and, in JSON, null stand for an omitted parameter; others are ignored.
fn request(own: Value, required: &[&str]) -> Value {
    let mut properties = json!({
        "client_id": { "type": "string", "description": "Unless Basic or Bearer say who calls" },
        "client_secret": { "type": "string", "format": "password" },
        "client_assertion": {
            "type": "string",
            "format": "password",
            "description": "A signed JWT in the place of a secret (RFC 7523)",
        },
        "client_assertion_type": { "type": "string", "description": JWT_BEARER },
    });
    if let (Value::Object(properties), Value::Object(own)) = (&mut properties, own) {
        properties.extend(own);
    }
    json!({ "type": "object", "required": required, "properties": properties })
}

fn token_request() -> Value {
    let own = json!({
        "grant_type": { "type": "string", "enum": GrantType::ALL.map(GrantType::name) },
        "username": { "type": "string", "description": "For password" },
        "password": { "type": "string", "format": "password", "description": "For password" },
        "refresh_token": { "type": "string", "description": "For refresh_token" },
        "assertion": {
            "type": "string",
            "format": "password",
            "description": "An ID token of a trusted issuer, for jwt-bearer (RFC 7523)",
        },
        "subject_token": {
            "type": "string",
            "format": "password",
            "description": "An access token of a user, for token-exchange (RFC 8693)",
        },
        "subject_token_type": { "type": "string", "description": "Required beside subject_token" },
        "actor_token": {
            "type": "string",
            "format": "password",
            "description": "The client's own access token, for token-exchange",
        },
        "actor_token_type": { "type": "string", "description": "Only beside actor_token" },
        "requested_token_type": { "type": "string", "description": ACCESS_TOKEN_TYPE },
        "scope": { "type": "string", "description": "Values separated by spaces" },
        "audience": { "type": "string", "description": "A service the token is for; may be repeated" },
        "resource": { "type": "string", "description": "The same, by its name in RFC 8707" },
    });
    request(own, &["grant_type"])
}

fn about_a_token() -> Value {
    let own = json!({
        "token": { "type": "string" },
        "token_type_hint": { "type": "string", "description": "access_token or refresh_token" },
    });
    request(own, &["token"])
}

fn token_answer() -> Value {
    json!({
        "type": "object",
        "required": ["access_token", "token_type", "expires_in"],
        "properties": {
            "access_token": { "type": "string" },
            "token_type": { "type": "string", "const": "Bearer" },
            "issued_token_type": { "type": "string", "description": "After token-exchange" },
            "expires_in": { "type": "integer", "minimum": 1, "description": "Seconds" },
            "refresh_token": { "type": "string" },
            "scope": { "type": "string", "description": "Absent when none was granted" },
        },
    })
}

fn introspection() -> Value {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "description": "Of an inactive token nothing but `active`",
        "required": ["active"],
        "properties": {
            "active": { "type": "boolean" },
            "scope": { "type": "string" },
            "client_id": { "type": "string" },
            "username": { "type": "string" },
            "token_type": { "type": "string", "description": "Of access tokens" },
            "act": {
                "type": "object",
                "description": "Who acts for the subject, and within it who acted before (RFC 8693)",
                "required": ["sub"],
                "properties": { "sub": { "type": "string" }, "act": { "type": "object" } },
            },
            "cnf": {
                "type": "object",
                "description": "What the bearer must show, if the token is bound (RFC 8705)",
                "properties": {
                    "x5t#S256": { "type": "string" },
                    "certificate_identity": { "type": "string" },
                },
            },
            "exp": { "type": "integer", "description": "Seconds since 1970" },
            "iat": { "type": "integer", "description": "Seconds since 1970" },
            "sub": { "type": "string" },
            "aud": { "anyOf": [{ "type": "string" }, names] },
            "iss": { "type": "string" },
            "jti": { "type": "string", "description": "The grant" },
            "attributes": {
                "type": "object",
                "description": "Attributes of the client and the user",
                "additionalProperties": { "type": "string" },
            },
            "cache_ttl": {
                "type": "integer",
                "minimum": 0,
                "description": "Seconds for which this answer may be kept",
            },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {
            "error": { "type": "string" },
            "error_description": { "type": "string" },
            "cause": {
                "type": "string",
                "description": "What lies behind `error`; told to clients that may administer",
            },
        },
    })
}
