//! What the HTTP front end is told by the settings.

/// The settings of the front end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// The URL clients know this server by (RFC 8414 §2): in the metadata and in introspection,
    /// never taken from a request.
    pub issuer: String,
    /// Origins whose pages may call from a browser; empty: none.
    pub cors_allowed_origins: Vec<String>,
    /// What the metadata say may be asked for; empty: they say nothing.
    pub scopes_supported: Vec<String>,
}

impl HttpOptions {
    /// The URL of a path of ours.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }
}
