//! Metrics of the process for Prometheus: each layer has its own registry, and all are served
//! together.
//!
//! A layer creates its metrics once, at its start. Counting is then one or a few atomic operations,
//! without a lock or a lookup of labels.

mod calls;
mod outcome;
mod rate;
mod registry;
mod stopwatch;

pub use prometheus::{
    Histogram, IntCounter as Counter, IntCounterVec as Counters, IntGauge as Gauge,
    IntGaugeVec as Gauges,
};

pub use self::{
    calls::{Call, CallMeter, Calls, Named},
    outcome::Outcome,
    rate::Rate,
    registry::{CONTENT_TYPE, ClientGauges, Registry, text},
    stopwatch::Stopwatch,
};
