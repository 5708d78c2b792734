//! Settings of the HTTP front end.

use std::time::Duration;

/// The settings of the front end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// The URL clients know this server by (RFC 8414 §2): in the metadata and in introspection,
    /// never taken from a request.
    pub issuer: String,
    /// Calls from browsers.
    pub cors: CorsOptions,
    /// True if clients may authenticate by a TLS certificate, which the metadata then show.
    pub client_certificates: bool,
    /// `true` if clients can authenticate by assertions, which are meant for the issuer that the settings
    /// name.
    pub assertions: bool,
    /// `true` if an issuer is enabled for users: the metadata show the grant type then.
    pub people: bool,
    /// Scopes in the metadata; empty: the field is left out.
    pub scopes_supported: Vec<String>,
    /// Limits of a request's body.
    pub body: BodyLimits,
    /// Time limit of a request in all, until it is answered.
    pub request_timeout: Duration,
}

impl Default for HttpOptions {
    /// Without an issuer; 30 s for a request.
    fn default() -> Self {
        Self {
            issuer: String::new(),
            cors: CorsOptions::default(),
            client_certificates: false,
            assertions: false,
            people: false,
            scopes_supported: Vec::new(),
            body: BodyLimits::default(),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Calls from pages in browsers (the CORS protocol of the Fetch standard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOptions {
    /// Origins whose pages may call; empty: none.
    pub allowed_origins: Vec<String>,
    /// Request headers that these pages may send, beside `Authorization` and `Content-Type`.
    pub allowed_headers: Vec<String>,
}

/// Limits of a request's body, in bytes and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The longest one, in bytes: at most 1 MiB.
    pub bytes: usize,
    /// Time limit for sending it.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    /// 64 KiB in 10 s.
    fn default() -> Self {
        Self { bytes: 64 << 10, timeout: Duration::from_secs(10) }
    }
}

impl HttpOptions {
    /// The URL of a path of ours.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }
}
