//! Figures of a running process for people who look: rates, quantiles and states, computed from two readings
//! of its metrics.
//!
//! Nothing here reads a clock or a socket: `cli` and `ops` read the metrics and hand in the time between two
//! readings.

mod buckets;
mod call;
mod definition;
mod definitions;
mod history;
mod interval;
mod issuer;
mod reading;
mod refusal;
mod selector;
mod snapshot;
mod unit;

pub use self::{
    call::Call,
    definition::{Definition, Level, Section},
    definitions::DEFINITIONS,
    history::History,
    interval::Interval,
    issuer::Issuer,
    reading::{NotRead, Reading},
    refusal::Refusal,
    snapshot::{Build, Figure, Snapshot},
    unit::Unit,
};
