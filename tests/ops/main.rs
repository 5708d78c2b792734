//! The ops listener: probes, metrics, and the page.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod metrics;
mod page;
mod probes;
