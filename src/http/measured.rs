//! Counts and times every request: by its endpoint, and by the reason it was refused for.

use std::sync::Arc;

use axum::response::Response;

use super::{failure::Failure, routes::Endpoint};
use crate::{
    domain::reason::Reason,
    metrics::{Call, CallMeter, Calls, Named, Outcome, Registry},
};

/// The meters of all endpoints. Cloning shares them.
#[derive(Clone)]
pub struct HttpMetrics {
    registry: Registry,
    token: Arc<CallMeter>,
    revoke: Arc<CallMeter>,
    introspect: Arc<CallMeter>,
    metadata: Arc<CallMeter>,
    jwks: Arc<CallMeter>,
    openapi: Arc<CallMeter>,
    check: Arc<CallMeter>,
}

impl HttpMetrics {
    /// Returns a meter for each endpoint, for all its paths together.
    pub fn new() -> Self {
        let registry = Registry::new();
        let calls = Calls::new(
            &registry,
            "endpoint",
            Named {
                name: "jeton_http_requests_total",
                help: "HTTP requests, by endpoint and outcome.",
            },
            Named {
                name: "jeton_http_request_seconds",
                help: "How long HTTP requests took, by endpoint.",
            },
        );
        Self {
            token: calls.expected("token"),
            revoke: calls.expected("revoke"),
            introspect: calls.expected("introspect"),
            metadata: calls.expected("metadata"),
            jwks: calls.expected("jwks"),
            openapi: calls.expected("openapi"),
            check: calls.meter("check"),
            registry,
        }
    }

    /// Returns the registry of the metrics.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// A request to an endpoint begins.
    pub(super) fn begin(&self, endpoint: Endpoint) -> Call {
        let meter = match endpoint {
            Endpoint::Token => &self.token,
            Endpoint::Revoke(_) => &self.revoke,
            Endpoint::Introspect => &self.introspect,
            Endpoint::Metadata => &self.metadata,
            Endpoint::Jwks => &self.jwks,
            Endpoint::OpenApi => &self.openapi,
        };
        meter.begin()
    }

    /// A request to `/check` begins.
    pub(super) fn begin_check(&self) -> Call {
        self.check.begin()
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the outcome of a request.
pub(super) fn outcome(answered: &Result<Response, Failure>) -> Outcome {
    match answered {
        Ok(_) => Outcome::Ok,
        Err(
            Failure::Refused(error) | Failure::Explained(error) | Failure::Relayed { error, .. },
        ) => Outcome::of_error(error),
        Err(
            Failure::NotFound
            | Failure::Method { .. }
            | Failure::TooLarge { .. }
            | Failure::TooSlow
            | Failure::Malformed(_),
        ) => Outcome::Failed(Reason::InvalidRequest),
    }
}
