//! A tower layer that lets nobody through without a good token: for tonic and for axum.
//!
//! A call with the content type of gRPC is answered in gRPC's statuses, any other as RFC 6750 has
//! it:
//!
//! | | gRPC | HTTP | `WWW-Authenticate: Bearer` |
//! |---|---|---|---|
//! | no token | `UNAUTHENTICATED` | 401 | |
//! | more than one, or no bearer token's text | `UNAUTHENTICATED` | 400 | `error="invalid_request"` |
//! | not active, or not meant for this service | `UNAUTHENTICATED` | 401 | `error="invalid_token"` |
//! | lacks a scope | `PERMISSION_DENIED` | 403 | `error="insufficient_scope"` |
//! | cannot be told now | `UNAVAILABLE` | 503 | |
//!
//! What passes has [`Arc<Claims>`](super::Claims) in its extensions.

mod bearer;
mod denied;
mod guarded;

use std::sync::Arc;

use tower::Layer;

use self::denied::{Challenges, Denied};
pub use self::guarded::{Guarded, ResponseFuture};
use super::{Claims, Validator};

/// Requires of each call an access token that is meant for this service and has certain scopes.
///
/// Goes around one service or a whole server or router.
#[derive(Clone, Debug)]
pub struct RequireToken {
    validator: Validator,
    required: Arc<Required>,
}

#[derive(Clone, Debug)]
struct Required {
    /// `None`: a token for any service is good.
    audience: Option<String>,
    scopes: Vec<String>,
    challenges: Challenges,
}

impl RequireToken {
    /// Requires a token whose audience holds `audience`, by which this service is known
    /// (RFC 9700 §2.3).
    pub fn new(validator: Validator, audience: impl Into<String>) -> Self {
        Self::with(validator, Some(audience.into()), Vec::new())
    }

    /// Requires a token for whatever service: one that was stolen at another is good here, too.
    pub fn of_any_audience(validator: Validator) -> Self {
        Self::with(validator, None, Vec::new())
    }

    /// Requires each of these scopes as well, in place of those that were required before.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self::with(self.validator, self.required.audience.clone(), scopes)
    }

    fn with(validator: Validator, audience: Option<String>, scopes: Vec<String>) -> Self {
        let challenges = Challenges::new(audience.as_deref(), &scopes);
        Self { validator, required: Arc::new(Required { audience, scopes, challenges }) }
    }
}

impl<S> Layer<S> for RequireToken {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded::new(inner, self.clone())
    }
}

impl Required {
    /// Whether a good token is good enough here.
    fn check(&self, claims: &Claims) -> Result<(), Denied> {
        if self.audience.as_ref().is_some_and(|audience| !claims.is_for(audience)) {
            return Err(Denied::BadToken);
        }
        if self.scopes.iter().all(|scope| claims.has_scope(scope)) {
            Ok(())
        } else {
            Err(Denied::LacksScope)
        }
    }
}
