//! Numbers about the process, for Prometheus: each layer keeps its own, all are served together.
//!
//! Handles are made once, when a layer starts. Counting is then one or a few atomic operations on
//! a handle that is at hand: no lock, and no label is looked up.

mod calls;
mod outcome;
mod rate;
mod registry;
mod stopwatch;

pub use prometheus::{
    Histogram, IntCounter as Counter, IntCounterVec as Counters, IntGauge as Gauge,
};

pub use self::{
    calls::{Call, CallMeter, Calls, Named},
    outcome::Outcome,
    rate::Rate,
    registry::{CONTENT_TYPE, ClientGauges, Registry, text},
    stopwatch::Stopwatch,
};
