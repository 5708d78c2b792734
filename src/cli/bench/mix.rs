//! Kinds of calls that are made, and the weight of each.

use std::str::FromStr;

/// A call that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Introspect,
    BatchIntrospect,
    Issue,
    Password,
    Refresh,
    Revoke,
}

impl Call {
    pub(super) const ALL: [Self; 6] = [
        Self::Introspect,
        Self::BatchIntrospect,
        Self::Issue,
        Self::Password,
        Self::Refresh,
        Self::Revoke,
    ];

    /// As the command line names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::BatchIntrospect => "batch-introspect",
            Self::Issue => "issue",
            Self::Password => "password",
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == text)
    }
}

/// Calls with their weights; at least one, no call twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mix(Vec<(Call, u32)>);

impl Mix {
    /// The call that is made at `step`: over as many steps as the weights add up to, each call
    /// comes as often as it weighs, spread out.
    pub(super) fn at(&self, step: u64) -> Call {
        let total: u64 = self.0.iter().map(|(_, weight)| u64::from(*weight)).sum();
        // A stride that shares no factor with the total visits every place once in a round; one
        // near the golden section keeps neighbours apart.
        let golden = (total * 618 / 1_000).max(1);
        let stride = (golden..golden + total).find(|stride| gcd(*stride, total) == 1).unwrap_or(1);
        let mut place = step.wrapping_mul(stride) % total;
        for (call, weight) in &self.0 {
            match place.checked_sub(u64::from(*weight)) {
                Some(rest) => place = rest,
                None => return *call,
            }
        }
        self.0[0].0
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = Call> {
        self.0.iter().map(|(call, _)| *call)
    }

    /// Returns whether access tokens must be there to begin with.
    pub(super) fn introspects(&self) -> bool {
        self.calls().any(|call| matches!(call, Call::Introspect | Call::BatchIntrospect))
    }

    /// Returns whether a user must log in.
    pub(super) fn needs_user(&self) -> bool {
        self.calls().any(|call| matches!(call, Call::Password | Call::Refresh))
    }

    /// Returns whether refresh tokens must be there to begin with.
    pub(super) fn refreshes(&self) -> bool {
        self.calls().any(|call| call == Call::Refresh)
    }
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut calls: Vec<(Call, u32)> = Vec::new();
        for item in text.split(',') {
            let (name, weight) = item.split_once('=').unwrap_or((item, "1"));
            let names = || Call::ALL.map(Call::name).join(", ");
            let call = Call::parse(name.trim())
                .ok_or_else(|| format!("{name:?} is none of {}", names()))?;
            let weight = weight.trim().parse().ok().filter(|weight| (1..=1_000).contains(weight));
            let weight = weight.ok_or("a weight is a number from 1 to 1000")?;
            if calls.iter().any(|(other, _)| *other == call) {
                return Err(format!("{name} is there twice"));
            }
            calls.push((call, weight));
        }
        Ok(Self(calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_round_each_call_comes_as_often_as_it_weighs() {
        for text in ["introspect", "introspect=90,refresh=8,revoke=2", "issue=3,password=3,refresh"]
        {
            let mix: Mix = text.parse().expect("a mix");
            let total: u32 = mix.0.iter().map(|(_, weight)| weight).sum();
            for (call, weight) in &mix.0 {
                let times = (0..u64::from(total)).filter(|step| mix.at(*step) == *call).count();
                assert_eq!(times, *weight as usize, "{text}: {}", call.name());
            }
        }
    }

    #[test]
    fn a_mix_names_known_calls_once_with_weights_above_zero() {
        for text in ["", "introspekt", "issue=0", "issue=1,issue=2", "issue=x", "issue,"] {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
    }
}
