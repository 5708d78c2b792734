//! Refusals for one cause in an interval.

use super::{interval::Interval, selector::advance};

/// Metric of refusals.
const REFUSALS: &str = "jeton_refusals_total";

/// Refusals for one cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The cause, as the audit writes it.
    pub cause: String,
    /// Refusals since the start.
    pub total: f64,
    /// Refusals in the interval.
    pub recent: f64,
}

impl Refusal {
    /// Returns the causes that there were, the most frequent of the interval first.
    pub(super) fn all(interval: &Interval<'_>) -> Vec<Self> {
        let before = |cause: &str| {
            let series = interval.before.map(|before| before.series(REFUSALS)).unwrap_or_default();
            let found = series.iter().find(|series| series.label("cause") == cause);
            found.map_or(0.0, |series| series.value)
        };
        let series = interval.after.series(REFUSALS).iter().filter(|series| series.value > 0.0);
        let refusals = series.map(|series| {
            let cause = series.label("cause").to_owned();
            let recent = advance(before(&cause), series.value);
            Self { cause, total: series.value, recent }
        });
        let mut refusals: Vec<_> = refusals.collect();
        refusals.sort_by(|one, other| {
            let most = other.recent.total_cmp(&one.recent).then(other.total.total_cmp(&one.total));
            most.then_with(|| one.cause.cmp(&other.cause))
        });
        refusals
    }
}
