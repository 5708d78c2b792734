//! The requirements of a service for tokens.

/// Requirements that the operator of a service, or of a route to it, has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    audience: Option<String>,
    scopes: Vec<String>,
    optional: bool,
    any_holder: bool,
}

impl Requirement {
    /// Requires a token whose audience contains `audience`, the name of the service (RFC 9700
    /// §2.3). `None` accepts a token for any service, including one that was stolen at another.
    pub const fn new(audience: Option<String>) -> Self {
        Self { audience, scopes: Vec::new(), optional: false, any_holder: false }
    }

    /// Requires each of these scopes as well. Replaces the scopes that were required before.
    #[must_use]
    pub fn with_scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets whether a request without a token is accepted. A request with an invalid token is
    /// always rejected.
    #[must_use]
    pub fn optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// Sets whether a token that is bound to its holder (RFC 8705 §3) is accepted from everybody, for a service
    /// that compares [`Claims::confirmation`](super::Claims::confirmation) itself.
    #[must_use]
    pub fn any_holder(self, any_holder: bool) -> Self {
        Self { any_holder, ..self }
    }

    /// Returns the service that the token must be for.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// Returns the scopes that the token must have.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Returns `true` if a bound token is accepted from everybody.
    pub const fn is_any_holder(&self) -> bool {
        self.any_holder
    }

    /// Returns `true` if a request without a token is accepted.
    pub const fn is_optional(&self) -> bool {
        self.optional
    }
}
