//! Limits of peers: each is met from outside, while others are served.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod connections;
mod peers;
mod unread;
