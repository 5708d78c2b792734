//! Clients that prove who they are by tokens of trusted issuers: at the server, from an agent, in the Rust
//! client and on the command line.

mod agent;
mod attacks;
mod command;
#[expect(dead_code, reason = "the harness is every test file's")]
#[path = "../common/mod.rs"]
mod common;
mod rust_client;
mod scene;
mod timing;
mod tokens;
