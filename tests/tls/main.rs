//! TLS from outside: certificates that change under load, clients that prove themselves by certificate,
//! and what is no reason to start.

mod agent;
mod authority;
mod bound;
mod bound_elsewhere;
mod clients;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod encrypted;
mod reload;
mod start;
mod svids;
