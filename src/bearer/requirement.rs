//! What a place requires of the tokens that it lets through.

/// What the operator of a service, or of a route to it, requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    audience: Option<String>,
    scopes: Vec<String>,
    optional: bool,
}

impl Requirement {
    /// Requires a token whose audience holds `audience`, by which the service is known (RFC 9700
    /// §2.3). `None`: a token for any service is good, also one that was stolen at another.
    pub const fn new(audience: Option<String>) -> Self {
        Self { audience, scopes: Vec::new(), optional: false }
    }

    /// Requires each of these scopes as well, in place of those that were required before.
    #[must_use]
    pub fn with_scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Says whether a request without a token passes, as nobody's. One with a token that is no good
    /// does not.
    #[must_use]
    pub fn optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// The service that the token must be meant for.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The scopes that the token must have.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether a request without a token passes.
    pub const fn is_optional(&self) -> bool {
        self.optional
    }
}
