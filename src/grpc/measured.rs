//! Counts and times every call: by its method, and by the reason it was refused for.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};

use crate::{
    metrics::{CallMeter, Calls, Outcome, Registry},
    proto::FILE_DESCRIPTOR_SET,
};

/// Stands for every method that there is not.
const OTHER: &str = "other";

/// The meters of all methods. Cloning shares them.
#[derive(Clone)]
pub struct GrpcMetrics {
    registry: Registry,
    methods: Arc<[(Box<str>, Arc<CallMeter>)]>,
    other: Arc<CallMeter>,
}

impl GrpcMetrics {
    /// Meters for the methods of our own services and of health.
    pub fn new() -> Self {
        let registry = Registry::new();
        let calls = Calls::new(
            &registry,
            "method",
            ("jeton_grpc_requests_total", "gRPC calls, by method and outcome."),
            (
                "jeton_grpc_request_seconds",
                "How long gRPC calls took, by method; streams until they began.",
            ),
        );
        let methods = methods([FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET]);
        let methods = methods.into_iter().map(|method| {
            // What everybody watches is there before it is first called.
            let expected = method.contains(".TokenService/");
            let meter = if expected { calls.expected(&method) } else { calls.meter(&method) };
            (format!("/{method}").into(), meter)
        });
        Self { methods: methods.collect(), other: calls.meter(OTHER), registry }
    }

    /// What is served.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Paths differ in length mostly, so that looking through them compares few bytes.
    fn meter(&self, path: &str) -> &Arc<CallMeter> {
        let found = self.methods.iter().find(|(known, _)| **known == *path);
        found.map_or(&self.other, |(_, meter)| meter)
    }
}

impl Default for GrpcMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// `package.Service/Method` of every method, `TokenService`'s first: they are called most.
fn methods(sets: [&[u8]; 2]) -> Vec<String> {
    let mut methods = Vec::new();
    for set in sets {
        let set = FileDescriptorSet::decode(set).expect("the build wrote it");
        for file in set.file {
            for service in &file.service {
                let name = |method| format!("{}.{}/{method}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| name(method.name())));
            }
        }
    }
    methods.sort_by_key(|method| !method.contains(".TokenService/"));
    methods
}

impl<S> Layer<S> for GrpcMetrics {
    type Service = Measured<S>;

    fn layer(&self, service: S) -> Measured<S> {
        Measured { service, metrics: self.clone() }
    }
}

/// The service behind the layer.
#[derive(Clone)]
pub struct Measured<S> {
    service: S,
    metrics: GrpcMetrics,
}

impl<S, A> Service<Request<A>> for Measured<S>
where
    S: Service<Request<A>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let call = self.metrics.meter(request.uri().path()).begin();
        let answering = self.service.call(request);
        Box::pin(async move {
            let answered = answering.await;
            let headers = answered.as_ref().map(Response::headers);
            call.end(headers.map_or(Outcome::Other, outcome));
            answered
        })
    }
}

/// An error is all headers; an answer's status comes behind its message.
fn outcome(headers: &HeaderMap) -> Outcome {
    if headers.get("grpc-status").is_none_or(|code| code.as_bytes() == b"0") {
        return Outcome::Ok;
    }
    let details = Status::from_header_map(headers).map(|status| status.get_error_details());
    let info = details.as_ref().and_then(|details| details.error_info());
    info.map_or(Outcome::Other, |info| Outcome::of_reason(&info.reason))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::status, *};
    use crate::domain::error::{Error, Incident};

    #[test]
    fn every_error_is_counted_under_the_reason_that_it_gives() {
        let retry_after = Duration::from_secs(1);
        for error in [
            Error::missing("token"),
            Error::InvalidClient,
            Error::InvalidGrant,
            Error::UnauthorizedClient,
            Error::UnsupportedGrantType,
            Error::InvalidScope,
            Error::InvalidTarget,
            Error::InvalidToken,
            Error::AccessDenied,
            Error::NotFound("user"),
            Error::AlreadyExists("user"),
            Error::RateLimited { retry_after },
            Error::Overloaded { retry_after },
            Error::Unavailable { retry_after },
            Error::CursorOutOfRange { restart: "cursor".into() },
            Error::TooSlow,
            Error::Changed,
            Error::Conflict,
            Error::Internal { incident: Incident(1) },
        ] {
            let response = status::status(&error).into_http::<Body>();
            assert_eq!(outcome(response.headers()), Outcome::of_error(&error), "{error:?}");
        }
    }

    #[test]
    fn the_methods_of_every_service_are_known() {
        let metrics = GrpcMetrics::new();
        for path in ["/jeton.v1.TokenService/Introspect", "/grpc.health.v1.Health/Check"] {
            assert!(!Arc::ptr_eq(metrics.meter(path), &metrics.other), "{path}");
        }
        assert!(Arc::ptr_eq(metrics.meter("/jeton.v1.TokenService/introspect"), &metrics.other));
    }
}
