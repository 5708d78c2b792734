//! The validator's promise against a server in trouble: no request is accepted that began more than
//! `max_staleness` after the revocation of its token was acknowledged. An agent's is the same, on
//! each of its wires.
//!
//! A ledger outside of all keeps count. The validator reaches the server through a proxy, the
//! revoking client does not: so a revocation can be acknowledged that the validator cannot have
//! heard of.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

mod agent;
mod agent_door;
mod clock;
mod follower;
mod guard;
mod ledger;
mod network;
mod proxy;
mod scene;
mod servers;
mod signed;
mod stall;
mod timed;
