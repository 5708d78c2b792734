//! The calls of one RPC or endpoint in an interval.

use std::collections::BTreeMap;

use super::{
    buckets::Buckets,
    interval::Interval,
    reading::{Reading, Series},
    selector::advance,
};

/// One metric of calls.
struct Wire {
    ended: &'static str,
    seconds: &'static str,
    label: &'static str,
}

const WIRES: [Wire; 2] = [
    Wire {
        ended: "jeton_grpc_requests_total",
        seconds: "jeton_grpc_request_seconds",
        label: "method",
    },
    Wire {
        ended: "jeton_http_requests_total",
        seconds: "jeton_http_request_seconds",
        label: "endpoint",
    },
];

/// Outcomes that are no error of a call.
const NO_ERROR: [&str; 2] = ["OK", "CANCELLED"];

/// The calls of one RPC, or of one HTTP endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Short name: `Token/Introspect`, `Admin/GetStatus`, `http token`.
    pub name: String,
    /// Calls since the start.
    pub total: f64,
    /// Calls a second.
    pub rate: f64,
    /// Median and 99th percentile of the durations, in seconds. `None` without calls.
    pub p50: Option<f64>,
    /// See `p50`.
    pub p99: Option<f64>,
    /// Errors a second by their reasons, the most frequent first.
    pub errors: Vec<(String, f64)>,
}

impl Call {
    /// Errors a second.
    pub fn error_rate(&self) -> f64 {
        self.errors.iter().map(|(_, rate)| rate).sum()
    }

    /// Returns the calls of an interval that were ever called, by their names.
    pub(super) fn all(interval: &Interval<'_>) -> Vec<Self> {
        let mut calls = Vec::new();
        for wire in &WIRES {
            let ended = outcomes(interval.after, wire);
            let before = interval.before.map(|before| outcomes(before, wire)).unwrap_or_default();
            for (value, after) in ended {
                let total = after.values().sum::<f64>();
                if total > 0.0 {
                    let before = before.get(value);
                    calls.push(Self::of(interval, wire, value, &after, before));
                }
            }
        }
        calls.sort_by(|one, other| one.name.cmp(&other.name));
        calls
    }

    fn of(
        interval: &Interval<'_>,
        wire: &Wire,
        value: &str,
        after: &BTreeMap<&str, f64>,
        before: Option<&BTreeMap<&str, f64>>,
    ) -> Self {
        let paced = interval.before.is_some() && interval.seconds > 0.0;
        let rate = |outcome: &str, now: f64| {
            let then = before.and_then(|before| before.get(outcome)).copied().unwrap_or_default();
            if paced { advance(then, now) / interval.seconds } else { 0.0 }
        };
        let rates: Vec<_> =
            after.iter().map(|(outcome, now)| (*outcome, rate(outcome, *now))).collect();
        let errors = rates.iter().filter(|(name, rate)| *rate > 0.0 && !NO_ERROR.contains(name));
        let mut errors: Vec<_> = errors.map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
        errors.sort_by(|one, other| other.1.total_cmp(&one.1));
        let wanted = |series: &Series| series.label(wire.label) == value;
        let buckets = |reading: &Reading| Buckets::of(reading, wire.seconds, wanted);
        let then = interval.before.map(buckets).unwrap_or_default();
        let durations = buckets(interval.after).since(&then);
        Self {
            name: short(wire, value),
            total: after.values().sum(),
            rate: rates.iter().map(|(_, rate)| rate).sum(),
            p50: durations.quantile(0.5),
            p99: durations.quantile(0.99),
            errors,
        }
    }
}

/// Returns the counts of calls by their label, and by outcome.
fn outcomes<'a>(reading: &'a Reading, wire: &Wire) -> BTreeMap<&'a str, BTreeMap<&'a str, f64>> {
    let mut calls = BTreeMap::<_, BTreeMap<_, _>>::new();
    for series in reading.series(wire.ended) {
        let of = calls.entry(series.label(wire.label)).or_default();
        of.insert(series.label("outcome"), series.value);
    }
    calls
}

/// Returns the last part of a service's name with the method: `jeton.v1.TokenService/Introspect` is
/// `Token/Introspect`.
fn short(wire: &Wire, value: &str) -> String {
    if wire.label == "endpoint" {
        return format!("http {value}");
    }
    let Some((service, method)) = value.rsplit_once('/') else { return value.to_owned() };
    let service = service.rsplit('.').next().unwrap_or(service);
    let short = service.strip_suffix("Service").unwrap_or(service);
    format!("{short}/{method}")
}
