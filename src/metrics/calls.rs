//! Metrics of one kind of call: number, outcome, duration.

use std::sync::{Arc, OnceLock};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::{Outcome, Registry, Stopwatch};

/// Buckets, in seconds. A call that finds everything in memory falls below the first, one that
/// waits for a sync or a hash into the middle, one that waits for a timeout at the end.
const SECONDS: [f64; 15] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 5.0,
];

/// A metric's name, with its help text.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Name of the metric.
    pub name: &'static str,
    /// Help text of the metric.
    pub help: &'static str,
}

/// The two metrics of a family of calls, with a label for the call.
pub struct Calls {
    ended: IntCounterVec,
    seconds: HistogramVec,
}

impl Calls {
    /// Creates the metrics: `ended` counts calls by `label` and outcome, `seconds` times them by
    /// `label`.
    pub fn new(registry: &Registry, label: &'static str, ended: Named, seconds: Named) -> Self {
        Self {
            ended: registry.counters(ended.name, ended.help, &[label, "outcome"]),
            seconds: registry.histograms(seconds.name, seconds.help, &SECONDS, label),
        }
    }

    /// Returns the meter of the call with the label `value`. The metrics of a call appear after its
    /// first use, unless it is [`Self::expected`].
    pub fn meter(&self, value: &str) -> Arc<CallMeter> {
        Arc::new(CallMeter {
            value: value.into(),
            ended: self.ended.clone(),
            seconds: self.seconds.clone(),
            by_outcome: Default::default(),
            timed: OnceLock::new(),
        })
    }

    /// Returns a meter like [`Self::meter`] for a call whose metrics appear as zero from the start.
    pub fn expected(&self, value: &str) -> Arc<CallMeter> {
        let meter = self.meter(value);
        meter.ended(Outcome::Ok);
        meter.timed();
        meter
    }
}

/// The metrics of one kind of call, each looked up at its first use.
pub struct CallMeter {
    value: Box<str>,
    ended: IntCounterVec,
    seconds: HistogramVec,
    by_outcome: [OnceLock<IntCounter>; Outcome::COUNT],
    timed: OnceLock<Histogram>,
}

impl CallMeter {
    /// Begins a call.
    pub fn begin(self: &Arc<Self>) -> Call {
        let meter = Arc::clone(self);
        Call { meter, stopwatch: Stopwatch::start(), outcome: Outcome::Cancelled }
    }

    fn ended(&self, outcome: Outcome) -> &IntCounter {
        let labels = [&*self.value, outcome.text()];
        self.by_outcome[outcome.number()].get_or_init(|| self.ended.with_label_values(&labels))
    }

    fn timed(&self) -> &Histogram {
        self.timed.get_or_init(|| self.seconds.with_label_values(&[&*self.value]))
    }
}

/// A call under way. It is counted when it is dropped: as cancelled, unless it was ended.
#[must_use]
pub struct Call {
    meter: Arc<CallMeter>,
    stopwatch: Stopwatch,
    outcome: Outcome,
}

impl Call {
    /// Ends the call.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.meter.timed().observe(self.stopwatch.seconds());
        self.meter.ended(self.outcome).inc();
    }
}
