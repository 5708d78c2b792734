//! jeton: a gRPC token service over an embedded store.
//!
//! One request goes down and comes back up through these folders:
//! `transport` → `grpc` → `service` → `domain` → `store`. `app` puts them together, `main` runs them.
//!
//! A service that is shown tokens depends on this crate without its default features and with the
//! feature `client`: [`client`], [`bearer`] and [`proto`] are then all there is.
//!
//! # Features
//!
//! | feature | of it are | default |
//! |---|---|---|
//! | none | [`proto`]: the messages and stubs of the API | |
//! | `client` | [`client`] and [`bearer`]: clients, the validator, the tower layer | with `server` |
//! | `jwt` | a validator that judges signed tokens itself | with `server` |
//! | `mtls` | the names in certificates, for tokens that are bound to one | with `server` |
//! | `server` | everything else, and the program `jeton` | yes |
//! | `postgres` | the store over PostgreSQL | yes |
//! | `otlp` | traces for a collector of OpenTelemetry | no |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "client")]
pub mod bearer;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod domain;
#[cfg(feature = "server")]
pub mod figures;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod jose;
#[cfg(feature = "server")]
pub mod jwks;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod oidc;
#[cfg(feature = "server")]
pub mod ops;
pub mod proto;
#[cfg(feature = "server")]
pub mod service;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod transport;

/// The part of the domain that a client shares with the server.
#[cfg(all(feature = "client", not(feature = "server")))]
pub mod domain {
    pub mod certificate;
    #[cfg(feature = "mtls")]
    pub mod certificate_names;
    pub mod confirmation;
    pub mod invalid;
    pub mod secret;
    pub mod spiffe_id;
}
