//! Whoever watches hears of every revocation that concerns them, in order, once, and of nothing else.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod credentials;
mod cursors;
mod ends;
mod events;
mod rights;
mod watcher;
