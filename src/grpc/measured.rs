//! Counts and times every call: by its method, and by the reason it was refused for.

use std::sync::Arc;

use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    metrics::{CallMeter, Calls, Named, Outcome, Registry},
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
            Named { name: "jeton_grpc_requests_total", help: "gRPC calls, by method and outcome." },
            Named {
                name: "jeton_grpc_request_seconds",
                help: "How long gRPC calls took, by method; streams until they began.",
            },
        );
        let methods = methods([FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET]);
        let methods = methods.into_iter().map(|method| {
            // Metrics of common methods exist before the first call.
            let expected = method.contains(".TokenService/");
            let meter = if expected { calls.expected(&method) } else { calls.meter(&method) };
            (format!("/{method}").into(), meter)
        });
        Self { methods: methods.collect(), other: calls.meter(OTHER), registry }
    }

    /// Returns the registry of the metrics.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Paths differ in length mostly, so that looking through them compares few bytes.
    pub(super) fn meter(&self, path: &str) -> &Arc<CallMeter> {
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

/// Returns whether these are the headers of no error: it is all headers, while an answer's status comes behind
/// its message.
pub(super) fn is_good(headers: &HeaderMap) -> bool {
    headers.get(Status::GRPC_STATUS).is_none_or(|code| code.as_bytes() == b"0")
}

/// Returns the outcome of a call by the headers of its error.
pub(super) fn outcome(headers: &HeaderMap) -> Outcome {
    let details = Status::from_header_map(headers).map(|status| status.get_error_details());
    let info = details.as_ref().and_then(|details| details.error_info());
    info.map_or(Outcome::Other, |info| Outcome::of_reason(&info.reason))
}

#[cfg(test)]
mod tests {
    use super::{super::status, *};
    use crate::domain::error::Error;

    #[test]
    fn every_error_is_counted_under_the_reason_that_it_gives() {
        for error in [Error::missing("token"), Error::UNAVAILABLE, Error::Changed] {
            let response = status::status(&error).into_http::<()>();
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
