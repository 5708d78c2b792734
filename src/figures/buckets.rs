//! The buckets of a histogram, and quantiles of what was observed between two readings.

use super::{
    reading::{Reading, Series},
    selector::advance,
};

/// Numbers of observations up to each bound, in the order of the bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Returns the buckets of a histogram, summed over the series that are wanted.
    pub(super) fn of(reading: &Reading, name: &str, wanted: impl Fn(&Series) -> bool) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        let series = reading.series(&format!("{name}_bucket")).iter();
        for series in series.filter(|series| wanted(series)) {
            let Ok(bound) = series.label("le").parse::<f64>() else { continue };
            let place = buckets.partition_point(|(known, _)| *known < bound);
            match buckets.get_mut(place) {
                Some((known, count)) if known.total_cmp(&bound).is_eq() => *count += series.value,
                _ => buckets.insert(place, (bound, series.value)),
            }
        }
        Self(buckets)
    }

    /// Returns the observations since `before`. A histogram that went back has begun again.
    pub(super) fn since(&self, before: &Self) -> Self {
        let all = |buckets: &Self| buckets.0.last().map_or(0.0, |(_, count)| *count);
        if before.0.len() != self.0.len() || all(before) > all(self) {
            return self.clone();
        }
        let both = self.0.iter().zip(&before.0);
        Self(both.map(|((bound, now), (_, then))| (*bound, advance(*then, *now))).collect())
    }

    /// Returns the value below which the share `quantile` of the observations lies, by linear interpolation
    /// within its bucket: the last finite bound where it lies beyond that. `None` without observations.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let (_, all) = *self.0.last()?;
        if all <= 0.0 {
            return None;
        }
        let rank = quantile * all;
        let place = self.0.iter().position(|(_, count)| *count >= rank)?;
        let (upper, count) = self.0[place];
        let (lower, below) = match place.checked_sub(1) {
            Some(previous) => self.0[previous],
            None => (0.0, 0.0),
        };
        if upper.is_infinite() {
            return Some(lower);
        }
        let within = if count > below { (rank - below) / (count - below) } else { 1.0 };
        Some(lower + (upper - lower) * within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: [f64; 4]) -> Buckets {
        let bounds = ["0.1", "0.2", "0.4", "+Inf"];
        let lines = bounds.iter().zip(counts);
        let lines = lines.map(|(bound, count)| format!("a_bucket{{le=\"{bound}\"}} {count}\n"));
        let reading = Reading::parse(&lines.collect::<String>()).expect("metrics");
        Buckets::of(&reading, "a", |_| true)
    }

    fn is(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let some = buckets([10.0, 30.0, 40.0, 40.0]);
        assert!(is(some.quantile(0.25), 0.1), "{some:?}");
        assert!(is(some.quantile(0.5), 0.15), "{some:?}");
        assert!(is(some.quantile(0.875), 0.3), "{some:?}");
        assert!(is(buckets([0.0, 0.0, 0.0, 5.0]).quantile(0.99), 0.4), "beyond all bounds");
        assert_eq!(buckets([0.0; 4]).quantile(0.5), None);
        assert_eq!(Buckets::default().quantile(0.5), None);
    }

    #[test]
    fn only_what_was_observed_since_the_last_reading_counts() {
        let (before, after) =
            (buckets([10.0, 10.0, 10.0, 10.0]), buckets([10.0, 10.0, 20.0, 20.0]));
        assert!(is(after.since(&before).quantile(0.5), 0.3));
        let restarted = buckets([2.0, 2.0, 2.0, 2.0]);
        assert_eq!(restarted.since(&before), restarted);
        assert_eq!(after.since(&Buckets::default()), after);
    }

    #[test]
    fn histograms_of_several_series_add_up() {
        let text = "a_bucket{le=\"1\",b=\"x\"} 1\na_bucket{le=\"+Inf\",b=\"x\"} 1\n\
                    a_bucket{le=\"1\",b=\"y\"} 0\na_bucket{le=\"+Inf\",b=\"y\"} 3\n";
        let reading = Reading::parse(text).expect("metrics");
        let both = Buckets::of(&reading, "a", |_| true);
        assert_eq!(both, Buckets(vec![(1.0, 1.0), (f64::INFINITY, 4.0)]));
    }
}
