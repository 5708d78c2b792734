//! The client against a server that misbehaves on command, in time that the tests make pass.

#[path = "../proxies/bearers.rs"]
mod bearers;
mod calls;
mod fake;
mod guarded;
mod own_token;
mod promise;
mod validating;
