//! The gRPC front end: decodes, calls `service`, encodes.

mod admin;
mod convert;
mod credentials;
mod health;
mod measured;
mod own_errors;
mod panics;
mod server;
mod status;
mod token_service;
mod watch;

pub use self::{
    health::Health,
    measured::GrpcMetrics,
    server::{GrpcServer, MAX_RECEIVED_BYTES, MAX_SENT_BYTES},
};
