//! The harness: the real binary as a process of its own, and callers that talk to it over sockets.

pub(crate) mod admin;
pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod command;
pub(crate) mod forms;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod load;
pub(crate) mod now;
pub(crate) mod ops;
mod process;
pub(crate) mod refusal;
pub(crate) mod server;
pub(crate) mod service_manager;
pub(crate) mod settings;
pub(crate) mod wait;
