//! The keys of one trusted issuer.

use super::{Level, reading::Reading};

/// State of the keys of a trusted issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// Name of the issuer in the settings.
    pub name: String,
    /// Number of keys that verify assertions now.
    pub keys: f64,
    /// Age of the last reading of its keys, in seconds.
    pub age: f64,
    /// True if the last reading failed.
    pub unreadable: bool,
}

impl Issuer {
    pub(super) fn all(reading: &Reading) -> Vec<Self> {
        let of = |metric: &str, name: &str| {
            let series = reading.series(metric).iter().find(|one| one.label("issuer") == name);
            series.map_or(0.0, |series| series.value)
        };
        let issuers = reading.series("jeton_issuer_keys").iter().map(|series| {
            let name = series.label("issuer");
            Self {
                name: name.to_owned(),
                keys: series.value,
                age: of("jeton_issuer_key_age_seconds", name),
                unreadable: of("jeton_issuer_keys_unreadable", name) > 0.0,
            }
        });
        issuers.collect()
    }

    /// Judges the state.
    pub fn level(&self) -> Level {
        if self.keys < 1.0 || self.unreadable { Level::Bad } else { Level::Calm }
    }
}
