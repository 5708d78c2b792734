//! The one table of paths: what each does, and in which dialect.

use http::StatusCode;

/// Endpoint behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Issues and refreshes tokens (RFC 6749 §3.2).
    Token,
    /// Revokes tokens (RFC 7009).
    Revoke(Revoked),
    /// Introspects tokens (RFC 7662).
    Introspect,
    /// Says where the others are (RFC 8414).
    Metadata,
    /// Has the public keys of signed access tokens (RFC 7517).
    Jwks,
    /// Describes the others (`OpenAPI`).
    OpenApi,
}

/// Forms of a successful revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// 200 without a body (RFC 7009 §2.2), of the type that every other answer has: some clients
    /// look at the type first and fail without it.
    EmptyJson,
    /// 200 without a body, of the type that django-oauth-toolkit answers.
    EmptyHtml,
    /// 204.
    NoContent,
}

/// The two statuses on which the servers of the documents do not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statuses {
    /// The caller did not authenticate.
    pub(super) invalid_client: StatusCode,
    /// Password or refresh token are no good.
    pub(super) invalid_grant: StatusCode,
}

/// Statuses of RFC 6749 §5.2.
pub(super) const STANDARD: Statuses =
    Statuses { invalid_client: StatusCode::UNAUTHORIZED, invalid_grant: StatusCode::BAD_REQUEST };

/// One path. It is routed with a slash after it as well, and never redirected: clients do not
/// repeat a POST at the new place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Without the slash.
    pub(super) path: &'static str,
    /// Endpoint of the route.
    pub(super) endpoint: Endpoint,
    /// Statuses of its refusals.
    pub(super) statuses: Statuses,
}

/// The token endpoint that the metadata name.
pub(super) const TOKEN: &str = "/oauth/token";
/// The revocation endpoint that the metadata name.
pub(super) const REVOKE: &str = "/oauth/revoke";
/// The introspection endpoint that the metadata name.
pub(super) const INTROSPECT: &str = "/oauth/introspect";
/// The path of the metadata (RFC 8414 §3).
pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";
/// The only path where many clients look for the metadata (`OpenID` Connect Discovery 1.0 §4).
pub(super) const OPENID_METADATA: &str = "/.well-known/openid-configuration";

/// The path of the public keys that the metadata name.
pub(super) const JWKS: &str = "/.well-known/jwks.json";

/// Every path; tests/http/README.md names the APIs whose clients use it.
pub(super) const ROUTES: [Route; 14] = [
    standard(TOKEN, Endpoint::Token),
    Route {
        statuses: Statuses { invalid_grant: StatusCode::UNAUTHORIZED, ..STANDARD },
        ..standard("/oauth2/token", Endpoint::Token)
    },
    standard("/auth/oauth2/token", Endpoint::Token),
    standard("/oauth/revoke_token", Endpoint::Revoke(Revoked::EmptyHtml)),
    standard("/auth/oauth2/revoke_token", Endpoint::Revoke(Revoked::EmptyHtml)),
    // Clients of this path know 204 and 400 and nothing else.
    Route {
        statuses: Statuses { invalid_client: StatusCode::BAD_REQUEST, ..STANDARD },
        ..standard("/oauth2/revoke", Endpoint::Revoke(Revoked::NoContent))
    },
    standard(REVOKE, Endpoint::Revoke(Revoked::EmptyJson)),
    standard(INTROSPECT, Endpoint::Introspect),
    standard("/auth/oauth2/introspect", Endpoint::Introspect),
    standard("/oauth2/introspect", Endpoint::Introspect),
    standard(METADATA, Endpoint::Metadata),
    standard(OPENID_METADATA, Endpoint::Metadata),
    standard(JWKS, Endpoint::Jwks),
    standard("/openapi.json", Endpoint::OpenApi),
];

/// Every path, without the slash after it that may stand there as well.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.path)
}

const fn standard(path: &'static str, endpoint: Endpoint) -> Route {
    Route { path, endpoint, statuses: STANDARD }
}

impl Route {
    /// Both spellings of the path.
    pub(super) fn paths(&self) -> [String; 2] {
        [self.path.to_owned(), format!("{}/", self.path)]
    }
}
