//! jeton: a gRPC token service over an embedded store.
//!
//! One request goes down and comes back up through these folders:
//! `grpc` → `service` → `domain` → `store`. `app` puts them together, `main` runs them.

pub mod config;
pub mod domain;
pub mod grpc;
pub mod proto;
pub mod service;
pub mod store;
