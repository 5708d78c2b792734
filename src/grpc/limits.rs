//! Options of gRPC calls, and the limits of each.

use std::time::Duration;

use super::envoy::EnvoyOptions;

/// Longest message that health and reflection read, in bytes: a name, which reflection repeats in its
/// answer.
pub(super) const MAX_NAME_BYTES: usize = 4 << 10;

/// Limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Longest message that is read, in bytes.
    pub request_bytes: usize,
    /// Longest message that is written, in bytes.
    pub response_bytes: usize,
    /// Time limit of a call until it is answered, or its stream begins.
    pub timeout: Duration,
    /// The same for `AdminService`.
    pub admin_timeout: Duration,
}

/// Options of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// Limits of each.
    pub limits: CallLimits,
    /// True to serve `grpc.reflection`.
    pub reflection: bool,
    /// Options of the answers to Envoy.
    pub envoy: EnvoyOptions,
}
