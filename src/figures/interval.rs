//! Two readings of one process, and what has happened between them.

use super::{
    buckets::Buckets,
    reading::Reading,
    selector::{Selector, advance},
};

/// Two readings of one process, and the time between them.
#[derive(Clone, Copy, Debug)]
pub struct Interval<'a> {
    /// The earlier reading; without one there are no rates.
    pub before: Option<&'a Reading>,
    /// The later reading.
    pub after: &'a Reading,
    /// Seconds between the two.
    pub seconds: f64,
    /// Seconds since 1970 at the later one.
    pub now: f64,
}

impl Interval<'_> {
    /// Returns how far a counter has advanced.
    pub(super) fn advance(&self, selector: &Selector) -> f64 {
        let before = self.before.map_or(0.0, |before| selector.sum(before));
        advance(before, selector.sum(self.after))
    }

    /// Returns a counter's advance a second; zero without two readings.
    pub(super) fn rate(&self, selector: &Selector) -> f64 {
        let paced = self.before.is_some() && self.seconds > 0.0;
        if paced { self.advance(selector) / self.seconds } else { 0.0 }
    }

    /// Returns a quantile of what a histogram has observed.
    pub(super) fn quantile(&self, selector: &Selector, quantile: f64) -> Option<f64> {
        let of = |reading: &Reading| {
            Buckets::of(reading, selector.name, |series| selector.chooses(series))
        };
        let before = self.before.map(of).unwrap_or_default();
        of(self.after).since(&before).quantile(quantile)
    }

    /// Returns the mean of what a histogram has observed.
    pub(super) fn mean(&self, name: &str) -> Option<f64> {
        let of = |reading: &Reading, part: &str| -> f64 {
            reading.series(&format!("{name}_{part}")).iter().map(|series| series.value).sum()
        };
        let since = |part: &str| {
            let before = self.before.map_or(0.0, |before| of(before, part));
            advance(before, of(self.after, part))
        };
        let (sum, count) = (since("sum"), since("count"));
        (count > 0.0).then(|| sum / count)
    }
}
