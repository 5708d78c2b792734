//! A watch gets every revocation that concerns its caller, in order, once, and nothing else.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod credentials;
mod cursors;
mod ends;
mod events;
mod rights;
mod watcher;
