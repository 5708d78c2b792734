//! The HTTP front end: the OAuth 2.0 endpoints, in the dialects of the servers they stand in for.
//!
//! A request is found in the one table of `routes`, read into a `Call`, answered by the file of its
//! endpoint, and refused by the one table of `failure`. The dialects differ in the data of `routes`
//! and in nothing else.

mod agent;
mod agent_token;
mod answer;
mod body;
mod call;
mod check;
mod check_server;
mod cors;
mod credentials;
mod encoding;
mod failure;
mod front;
mod introspect;
mod jwks;
mod known_routes;
mod measured;
mod metadata;
mod openapi;
mod options;
mod parameters;
mod revoke;
mod routes;
mod schemas;
mod server;
mod signed_introspection;
mod token;

pub use self::{
    agent::{AgentEndpoints, agent_paths},
    agent_token::{AskedToken, GivenToken, NotIssued, TokenSource},
    check::{CheckOptions, ListenerDoor, check_paths},
    check_server::CheckServer,
    front::router,
    measured::HttpMetrics,
    options::{BodyLimits, CorsOptions, HttpOptions},
    routes::paths,
    server::HttpServer,
};
