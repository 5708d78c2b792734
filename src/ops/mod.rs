//! The listener of whoever runs the process: probes, metrics, and health without TLS.
//!
//! It carries no token and no secret, asks for no authentication, and answers from before the
//! store is open until the process ends.

mod readiness;
mod router;
mod server;

pub use self::{
    readiness::{NotReady, Readiness},
    router::Exposition,
    server::OpsServer,
};
