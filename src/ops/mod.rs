//! The listener for operators: probes, metrics, a page of figures, and health without TLS.
//!
//! It carries no token and no secret, asks for no authentication, and answers from before the
//! store is open until the process ends. It has a thread and a runtime of its own: it answers, and
//! says so, when the runtime that answers calls does not.

mod events;
mod exposition;
mod liveness;
mod page;
mod readiness;
mod recorded;
mod recorder;
mod router;
mod server;
mod standing;

pub use self::{
    exposition::Exposition,
    readiness::{NotReady, Readiness},
    router::paths,
    server::OpsServer,
};
