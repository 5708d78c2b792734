//! Assertions of trusted issuers: what is taken, and what an attacker tries.

mod api_server;
mod attacks;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod id_tokens;
mod key_sets;
mod publications;
mod publisher;
mod renewal;
mod review_bounds;
mod reviews;
mod scene;
mod serving;
mod trust;
