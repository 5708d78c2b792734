//! How gRPC calls are served, and what each may take.

use std::time::Duration;

use super::envoy::EnvoyOptions;

/// Longest message that health and reflection read, in bytes: a name, which reflection repeats in its
/// answer.
pub(super) const MAX_NAME_BYTES: usize = 4 << 10;

/// What one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Longest message that is read, in bytes.
    pub request_bytes: usize,
    /// Longest message that is written, in bytes.
    pub response_bytes: usize,
    /// How long a call may take until it is answered, or its stream begins.
    pub timeout: Duration,
    /// The same for `AdminService`.
    pub admin_timeout: Duration,
}

/// How calls are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// What each may take.
    pub limits: CallLimits,
    /// Whether `grpc.reflection` is served.
    pub reflection: bool,
    /// How Envoy is answered.
    pub envoy: EnvoyOptions,
}
