//! A tower layer that lets only calls with a valid token through: for tonic and for axum.
//!
//! It decides by the table of [`bearer`](crate::bearer). A call with the content type of gRPC is
//! answered with gRPC's statuses, any other as RFC 6750 requires. An accepted call with a token has
//! [`Arc<Claims>`](super::Claims) in its extensions.
//!
//! A second one, [`ExchangeToken`], is for calls to other services.

mod answer;
mod exchanging;
mod guarded;
mod peer;

use std::sync::Arc;

use http::Extensions;
use tower::Layer;

pub use self::{
    exchanging::{ExchangeToken, Exchanging, ShownToken},
    guarded::{Guarded, ResponseFuture},
};
use super::Validator;
use crate::bearer::{PeerCertificate, Requirement};

/// Requires of each call an access token that is meant for this service and has certain scopes.
///
/// The layer goes around one service, a whole server or a router.
#[derive(Clone, Debug)]
pub struct RequireToken {
    validator: Validator,
    requirement: Arc<Requirement>,
    peer: Peer,
}

/// Finds the certificate of the connection that a call came over, in the call's extensions.
type Peer = fn(&Extensions) -> Option<PeerCertificate>;

impl RequireToken {
    /// Requires a token whose audience contains `audience`, the name of this service (RFC 9700
    /// §2.3).
    pub fn new(validator: Validator, audience: impl Into<String>) -> Self {
        Self::of(validator, Requirement::new(Some(audience.into())))
    }

    /// Accepts a token for any service. A token that was stolen at another service is accepted,
    /// too.
    pub fn of_any_audience(validator: Validator) -> Self {
        Self::of(validator, Requirement::new(None))
    }

    /// Requires a token according to `requirement`.
    pub fn of(validator: Validator, requirement: Requirement) -> Self {
        Self { validator, requirement: Arc::new(requirement), peer: peer::certificate }
    }

    /// Requires each of these scopes as well. Replaces the scopes that were required before.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        let requirement = Arc::unwrap_or_clone(self.requirement).with_scopes(scopes);
        Self { requirement: Arc::new(requirement), ..self }
    }

    /// Also accepts calls without a token. Such a call has no claims in its extensions. A call with
    /// an invalid token is still rejected.
    #[must_use]
    pub fn optional(self) -> Self {
        let requirement = Arc::unwrap_or_clone(self.requirement).optional(true);
        Self { requirement: Arc::new(requirement), ..self }
    }

    /// Finds the certificate of the caller by `peer`, which gets the extensions of the call. A token that is bound
    /// to its holder (RFC 8705 §3) is accepted only with the certificate that it is bound to.
    ///
    /// By default it is the [`PeerCertificate`] among the extensions, which a server of another kind than tonic
    /// puts there; or, with the feature `mtls`, what tonic knows of a connection over its own TLS. TLS must have
    /// verified the certificate.
    #[must_use]
    pub fn peer(self, peer: fn(&Extensions) -> Option<PeerCertificate>) -> Self {
        Self { peer, ..self }
    }
}

impl<S> Layer<S> for RequireToken {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded::new(inner, self.clone())
    }
}
