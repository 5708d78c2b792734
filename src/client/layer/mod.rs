//! A tower layer that lets nobody through without a good token: for tonic and for axum.
//!
//! Decides by the table of [`bearer`](crate::bearer). A call with the content type of gRPC is answered in
//! gRPC's statuses, any other as RFC 6750 has it. What passes with a token has
//! [`Arc<Claims>`](super::Claims) in its extensions.

mod answer;
mod guarded;

use std::sync::Arc;

use tower::Layer;

pub use self::guarded::{Guarded, ResponseFuture};
use super::Validator;
use crate::bearer::Requirement;

/// Requires of each call an access token that is meant for this service and has certain scopes.
///
/// Goes around one service or a whole server or router.
#[derive(Clone, Debug)]
pub struct RequireToken {
    validator: Validator,
    requirement: Arc<Requirement>,
}

impl RequireToken {
    /// Requires a token whose audience holds `audience`, by which this service is known
    /// (RFC 9700 §2.3).
    pub fn new(validator: Validator, audience: impl Into<String>) -> Self {
        Self::of(validator, Requirement::new(Some(audience.into())))
    }

    /// Requires a token for whatever service: one that was stolen at another is good here, too.
    pub fn of_any_audience(validator: Validator) -> Self {
        Self::of(validator, Requirement::new(None))
    }

    /// Requires what `requirement` says.
    pub fn of(validator: Validator, requirement: Requirement) -> Self {
        Self { validator, requirement: Arc::new(requirement) }
    }

    /// Requires each of these scopes as well, in place of those that were required before.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        let requirement = Arc::unwrap_or_clone(self.requirement).with_scopes(scopes);
        Self::of(self.validator, requirement)
    }

    /// Lets calls without a token pass, too: without claims in their extensions. A call whose token is no
    /// good does not pass.
    #[must_use]
    pub fn optional(self) -> Self {
        let requirement = Arc::unwrap_or_clone(self.requirement).optional(true);
        Self::of(self.validator, requirement)
    }
}

impl<S> Layer<S> for RequireToken {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded::new(inner, self.clone())
    }
}
