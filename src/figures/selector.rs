//! Selects the series of one metric by their labels.

use super::reading::{Reading, Series};

/// A condition on one label.
#[derive(Clone, Copy, Debug)]
pub(super) enum Where {
    /// The label has this value.
    Is(&'static str, &'static str),
    /// The label has none of these values.
    Not(&'static str, &'static [&'static str]),
    /// The label has one of these values.
    In(&'static str, &'static [&'static str]),
}

impl Where {
    fn holds(&self, series: &Series) -> bool {
        match self {
            Self::Is(label, value) => series.label(label) == *value,
            Self::Not(label, values) => !values.contains(&series.label(label)),
            Self::In(label, values) => values.contains(&series.label(label)),
        }
    }
}

/// Some series of one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selector {
    pub(super) name: &'static str,
    pub(super) conditions: &'static [Where],
}

impl Selector {
    /// All series of a metric.
    pub(super) const fn all(name: &'static str) -> Self {
        Self { name, conditions: &[] }
    }

    /// The series for which all conditions hold.
    pub(super) const fn of(name: &'static str, conditions: &'static [Where]) -> Self {
        Self { name, conditions }
    }

    /// Returns whether the process has the metric at all.
    pub(super) fn is_known(&self, reading: &Reading) -> bool {
        !reading.series(self.name).is_empty()
    }

    /// Returns whether a series meets the conditions.
    pub(super) fn chooses(&self, series: &Series) -> bool {
        self.conditions.iter().all(|condition| condition.holds(series))
    }

    /// Returns the sum of the series; zero without any.
    pub(super) fn sum(&self, reading: &Reading) -> f64 {
        let series = reading.series(self.name).iter();
        series.filter(|series| self.chooses(series)).map(|series| series.value).sum()
    }
}

/// Returns how far a counter has advanced. One that went back has begun again from zero.
pub(super) fn advance(before: f64, after: f64) -> f64 {
    if after >= before { after - before } else { after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_chosen_by_all_conditions() {
        let text = "a{b=\"1\",c=\"x\"} 1\na{b=\"2\",c=\"x\"} 2\na{b=\"1\",c=\"y\"} 4\n";
        let reading = Reading::parse(text).expect("metrics");
        let sum = |conditions| Selector::of("a", conditions).sum(&reading).to_string();
        assert_eq!(sum(&[]), "7");
        assert_eq!(sum(&[Where::Is("b", "1")]), "5");
        assert_eq!(sum(&[Where::Is("b", "1"), Where::Not("c", &["x", "z"])]), "4");
        assert_eq!(sum(&[Where::In("b", &["2", "3"])]), "2");
        assert!(Selector::all("a").is_known(&reading) && !Selector::all("b").is_known(&reading));
    }

    #[test]
    fn a_counter_that_went_back_has_begun_again() {
        assert_eq!((advance(3.0, 5.0), advance(5.0, 2.0)), (2.0, 2.0));
    }
}
