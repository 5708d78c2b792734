//! Counts the decisions on requests that proxies have received, and rations what the log says of routes.

use std::num::NonZeroU32;

use crate::{
    bearer::{Bearer, Denial},
    metrics::{Counter, Rate, Registry},
};

/// Lines a second about routes that are set up wrongly.
const LINES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// The decisions, by outcome.
pub(super) struct Checks {
    passed: Counter,
    nobody: Counter,
    no_token: Counter,
    malformed: Counter,
    not_good_here: Counter,
    lacks_scope: Counter,
    pub(super) undecided: Counter,
    pub(super) misconfigured: Counter,
    lines: Rate,
}

impl Checks {
    pub(super) fn new(registry: &Registry) -> Self {
        let counters = registry.counters(
            "jeton_checks_total",
            "Decisions on requests that proxies have received, by outcome.",
            &["outcome"],
        );
        let of = |outcome| counters.with_label_values(&[outcome]);
        Self {
            passed: of("passed"),
            nobody: of("nobody"),
            no_token: of("no_token"),
            malformed: of("malformed"),
            not_good_here: of("not_good_here"),
            lacks_scope: of("lacks_scope"),
            undecided: of("undecided"),
            misconfigured: of("misconfigured"),
            lines: Rate::new(LINES, LINES),
        }
    }

    pub(super) fn may_tell(&self) -> bool {
        self.lines.allows()
    }

    pub(super) fn counter(&self, decided: Result<&Bearer, &Denial>) -> &Counter {
        match decided {
            Ok(Bearer::Of(_)) => &self.passed,
            Ok(Bearer::Nobody) => &self.nobody,
            Err(Denial::NoToken) => &self.no_token,
            Err(Denial::Malformed) => &self.malformed,
            Err(Denial::NotGoodHere) => &self.not_good_here,
            Err(Denial::LacksScope) => &self.lacks_scope,
            Err(Denial::Undecided { .. }) => &self.undecided,
        }
    }
}
