//! jeton: a gRPC token service over an embedded store.
//!
//! One request goes down and comes back up through these folders:
//! `transport` → `grpc` → `service` → `domain` → `store`. `app` puts them together, `main` runs them.

pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod http;
pub mod metrics;
pub mod ops;
pub mod proto;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod transport;
