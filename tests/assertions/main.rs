//! Assertions of trusted issuers: what is taken, and what an attacker tries.

mod attacks;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod id_tokens;
mod key_sets;
mod publications;
mod publisher;
mod renewal;
mod scene;
mod serving;
mod trust;
