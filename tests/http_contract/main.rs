//! The HTTP endpoints keep their contract, detail by detail, for every request.

mod any_bytes;
mod authentication;
mod browsers;
mod dialects;
mod documents;
mod failures;
mod harness;
mod introspection;
mod requests;
mod revocation;
mod seeds;
mod server;
mod store;
mod targets;
mod whose_token;
