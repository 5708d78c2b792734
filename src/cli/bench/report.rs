//! Report of the load: a table for people, one JSON object for scripts.

use std::{iter, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    mix::Call,
    worker::{Seen, Tally},
};
use crate::cli::{
    CliError,
    output::{Format, print_value},
};

/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

/// One line for each call.
pub(super) struct Report {
    settings: Value,
    calls: Vec<(Call, Line)>,
}

struct Line {
    answered: u64,
    per_second: f64,
    refusals: Map<String, Value>,
    micros: Vec<(&'static str, u64)>,
}

impl Report {
    /// `settings` is what the load was; `counted` is for how long it was looked at.
    pub(super) fn new(settings: Value, tally: &Tally, counted: Duration) -> Self {
        let seen = Call::ALL.into_iter().filter_map(|call| Some((call, tally.of(call)?)));
        let calls = seen.map(|(call, seen)| (call, Line::new(seen, counted))).collect();
        Self { settings, calls }
    }

    pub(super) fn print(&self, format: Format) -> Result<(), CliError> {
        print_value(self.json(), format, || self.table())
    }

    fn json(&self) -> Value {
        let calls = self.calls.iter().map(|(call, line)| (call.name().to_owned(), line.json()));
        json!({ "settings": self.settings, "calls": calls.collect::<Map<_, _>>() })
    }

    fn table(&self) -> String {
        let head = ["answered", "per second", "refused", "p50", "p90", "p99", "p99.9", "max"];
        let lines = self.calls.iter().map(|(call, line)| row(call.name(), &line.cells()));
        let refusals = self.calls.iter().flat_map(|(call, line)| {
            line.refusals
                .iter()
                .map(|(reason, count)| format!("{}: {count} × {reason}\n", call.name()))
        });
        iter::once(row("call", &head.map(str::to_owned))).chain(lines).chain(refusals).collect()
    }
}

impl Line {
    fn new(seen: &Seen, counted: Duration) -> Self {
        let answered = seen.micros.len();
        let refusals = seen.refusals.iter().map(|(reason, count)| (reason.clone(), json!(count)));
        let quantiles =
            QUANTILES.map(|(name, quantile)| (name, seen.micros.value_at_quantile(quantile)));
        let longest = if answered == 0 { 0 } else { seen.micros.max() };
        #[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
        let per_second = answered as f64 / counted.as_secs_f64();
        Self {
            answered,
            per_second,
            refusals: refusals.collect(),
            micros: quantiles.into_iter().chain([("max", longest)]).collect(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let refused: u64 = self.refusals.values().filter_map(Value::as_u64).sum();
        let counts =
            [self.answered.to_string(), format!("{:.0}", self.per_second), refused.to_string()];
        counts.into_iter().chain(self.micros.iter().map(|(_, micros)| readable(*micros))).collect()
    }

    fn json(&self) -> Value {
        let micros: Map<_, _> =
            self.micros.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "answered": self.answered,
            "per_second": self.per_second,
            "refused": self.refusals,
            "latency_micros": micros,
        })
    }
}

/// A name and right-aligned cells.
fn row(name: &str, cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>12}")).collect();
    format!("{name:<18}{}\n", cells.concat())
}

fn readable(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}
