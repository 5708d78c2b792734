//! The gRPC front end: decodes, calls `service`, encodes.

mod admin;
mod agent;
mod agent_status;
mod answering;
mod arriving;
mod batch_request;
mod caller;
mod convert;
mod credentials;
mod deadlines;
mod envoy;
mod grpc_only;
mod health;
mod introspection;
mod introspection_codec;
mod limits;
mod measured;
mod own_errors;
mod panics;
mod refusal;
mod server;
mod services;
mod status;
mod token_service;
mod watch;

pub use self::{
    agent::{AgentTokens, NotIssued},
    agent_status::{AgentState, AnswerCounts, Described, LastError},
    envoy::EnvoyOptions,
    grpc_only::grpc_only,
    health::{Health, NOT_SERVING},
    limits::{CallLimits, GrpcOptions},
    measured::GrpcMetrics,
    server::GrpcServer,
};
