//! A figure: its names, and how it is computed from the metrics and judged.

use super::{interval::Interval, selector::Selector, unit::Unit};

/// Part of the process that a figure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Calls over all wires.
    Calls,
    /// Logins by password.
    Logins,
    /// Tokens and their refreshes.
    Tokens,
    /// The store.
    Store,
    /// Records in memory.
    Cache,
    /// Watches of revocations.
    Watches,
    /// The threads that hash.
    Hashing,
    /// Keys, certificates and the log.
    Keys,
    /// An agent beside services.
    Agent,
}

impl Section {
    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Calls => "Calls",
            Self::Logins => "Logins",
            Self::Tokens => "Tokens",
            Self::Store => "Store",
            Self::Cache => "Memory",
            Self::Watches => "Watches",
            Self::Hashing => "Hashing",
            Self::Keys => "Keys and log",
            Self::Agent => "Agent",
        }
    }
}

/// Judgement of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to do.
    #[default]
    Calm,
    /// To be looked at.
    Notice,
    /// To be acted on.
    Bad,
}

impl Level {
    /// A mark beside the value, so that no colour carries the judgement alone.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Calm => "",
            Self::Notice => "!",
            Self::Bad => "!!",
        }
    }

    /// The judgement in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Notice => "notice",
            Self::Bad => "bad",
        }
    }
}

/// Bounds of a value from which it is worth a look, or an action.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds {
    None,
    /// `notice` or more, `bad` or more.
    Above(f64, f64),
    /// Less than `notice`, less than `bad`.
    Below(f64, f64),
}

/// Computation of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// A gauge as it is, or a counter since the start.
    Value(Selector),
    /// A counter's advance a second.
    Rate(Selector),
    /// A quantile of the observations of a histogram in the interval.
    Quantile(Selector, f64),
    /// The mean of the observations of a histogram in the interval.
    Mean(&'static str),
    /// The share of the first counter in both, in the interval.
    Share(Selector, Selector),
    /// The difference of two gauges.
    Less(&'static str, &'static str),
    /// Seconds until the time of a gauge, in seconds since 1970; none where it is 0.
    Until(&'static str),
    /// A gauge of milliseconds, in seconds; none where it is negative.
    Milliseconds(&'static str),
}

/// A figure: its names, and how it is computed and judged.
#[derive(Debug)]
pub struct Definition {
    /// Part of the process.
    pub section: Section,
    /// Name for programs.
    pub key: &'static str,
    /// Name for people, of at most 15 columns.
    pub title: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    pub(super) rule: Rule,
    pub(super) bounds: Bounds,
}

impl Definition {
    /// Computes the value. `None` where the process has no such metric, or nothing was observed.
    pub(super) fn value(&self, interval: &Interval<'_>) -> Option<f64> {
        let Interval { after, now, .. } = *interval;
        match self.rule {
            Rule::Value(selector) => selector.is_known(after).then(|| selector.sum(after)),
            Rule::Rate(selector) => selector.is_known(after).then(|| interval.rate(&selector)),
            Rule::Quantile(selector, quantile) => interval.quantile(&selector, quantile),
            Rule::Mean(name) => interval.mean(name),
            Rule::Share(part, other) => {
                let (part, other) = (interval.advance(&part), interval.advance(&other));
                (part + other > 0.0).then(|| part / (part + other))
            }
            Rule::Less(of, over) => {
                let (of, over) = (Selector::all(of), Selector::all(over));
                of.is_known(after).then(|| of.sum(after) - over.sum(after))
            }
            Rule::Until(name) => {
                let moment = Selector::all(name).sum(after);
                (moment > 0.0).then_some(moment - now)
            }
            Rule::Milliseconds(name) => {
                let selector = Selector::all(name);
                let value = selector.sum(after) / 1_000.0;
                (selector.is_known(after) && value >= 0.0).then_some(value)
            }
        }
    }

    /// Judges a value.
    pub(super) fn level(&self, value: f64) -> Level {
        match self.bounds {
            Bounds::Above(_, bad) if value >= bad => Level::Bad,
            Bounds::Above(notice, _) if value >= notice => Level::Notice,
            Bounds::Below(_, bad) if value < bad => Level::Bad,
            Bounds::Below(notice, _) if value < notice => Level::Notice,
            Bounds::None | Bounds::Above(..) | Bounds::Below(..) => Level::Calm,
        }
    }
}
