//! Answers to proxies that ask whether a request may pass: the same over every wire, and nothing by
//! which a visitor could pass for somebody else. tests/proxies.sh does it with real ones.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod agent;
mod bearers;
mod envoy;
mod exchanges;
mod http;
mod own_tokens;
mod sockets;
mod tokens;
