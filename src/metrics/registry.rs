//! The metrics of one layer, and their text format.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, TextEncoder, core::Collector, proto::MetricFamily,
};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Every name, label and bucket is a constant of the source, and every test that starts a server
/// creates all metrics.
const SOUND: &str = "the names and buckets of metrics are sound, and each name is used once";

type Refresh = Box<dyn Fn() + Send + Sync>;

/// The metrics of one layer. Clones share them. The names are those of the table in
/// docs/monitoring.md.
#[derive(Clone, Default)]
pub struct Registry {
    metrics: prometheus::Registry,
    refreshed: Arc<Mutex<Vec<Refresh>>>,
}

impl Registry {
    /// Creates an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a counter.
    pub fn counter(&self, name: &'static str, help: &'static str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    /// Registers counters, one for each value of `label`.
    pub fn counters(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[&str],
    ) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    /// Registers a gauge.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    /// Registers gauges, one for each value of the labels.
    pub fn gauges(&self, name: &'static str, help: &'static str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// Registers a gauge of a time, in seconds.
    pub fn seconds(&self, name: &'static str, help: &'static str) -> Gauge {
        self.add(Gauge::new(name, help))
    }

    /// Registers gauges for a few clients.
    pub fn client_gauges(&self, name: &'static str, help: &'static str) -> ClientGauges {
        ClientGauges(self.add(IntGaugeVec::new(Opts::new(name, help), &["client_id"])))
    }

    /// Registers a constant 1 whose labels carry the information.
    pub fn info<const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [(&'static str, &'static str); N],
    ) {
        let gauges =
            self.add(IntGaugeVec::new(Opts::new(name, help), &labels.map(|(name, _)| name)));
        gauges.with_label_values(&labels.map(|(_, value)| value)).set(1);
    }

    /// Registers a histogram with these buckets.
    pub fn histogram(&self, name: &'static str, help: &'static str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(options))
    }

    /// Registers histograms, one for each value of `label`.
    pub(super) fn histograms(
        &self,
        name: &'static str,
        help: &'static str,
        buckets: &[f64],
        label: &str,
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.add(HistogramVec::new(options, &[label]))
    }

    /// Calls `refresh` before the metrics are read, to update metrics that are too expensive to
    /// keep current.
    pub fn before_reading(&self, refresh: impl Fn() + Send + Sync + 'static) {
        let mut refreshed = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
        refreshed.push(Box::new(refresh));
    }

    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect(SOUND);
        self.metrics.register(Box::new(made.clone())).expect(SOUND);
        made
    }

    fn gather(&self) -> Vec<MetricFamily> {
        for refresh in &*self.refreshed.lock().unwrap_or_else(PoisonError::into_inner) {
            refresh();
        }
        self.metrics.gather()
    }
}

/// One gauge for each of a few clients.
pub struct ClientGauges(IntGaugeVec);

impl ClientGauges {
    /// Replaces all values with these.
    pub fn replace<'a>(&self, clients: impl Iterator<Item = (&'a str, u64)>) {
        self.0.reset();
        for (client_id, value) in clients {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            self.0.with_label_values(&[client_id]).set(value);
        }
    }
}

/// Returns all metrics of `registries` in Prometheus' text format 0.0.4.
pub fn text(registries: &[Registry]) -> Vec<u8> {
    let mut families: Vec<_> = registries.iter().flat_map(Registry::gather).collect();
    families.sort_by(|one, other| one.name().cmp(other.name()));
    let mut text = Vec::new();
    let encoded = TextEncoder::new().encode(&families, &mut text);
    if let Err(error) = encoded {
        // The families written before are complete. A family that cannot be written is left out.
        tracing::error!(%error, "a metric could not be written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_all_layers_are_one_text_in_order() {
        let (one, other) = (Registry::new(), Registry::new());
        other.counter("jeton_b_total", "B.").inc();
        let gauge = one.gauge("jeton_c", "C.");
        one.before_reading(move || gauge.inc());
        one.client_gauges("jeton_a", "A.").replace([("a\"b", 3)].into_iter());
        let text = String::from_utf8(text(&[one, other])).expect("UTF-8");
        let expected = "# HELP jeton_a A.\n# TYPE jeton_a gauge\njeton_a{client_id=\"a\\\"b\"} 3\n\
                        # HELP jeton_b_total B.\n# TYPE jeton_b_total counter\njeton_b_total 1\n\
                        # HELP jeton_c C.\n# TYPE jeton_c gauge\njeton_c 1\n";
        assert_eq!(text, expected);
    }
}
