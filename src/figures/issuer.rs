//! The keys of one trusted issuer, and its reviews of tokens.

use super::{Level, reading::Reading};

/// State of the keys of a trusted issuer, and of its reviews of tokens.
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
    /// True if the last question about one of its tokens got no answer.
    pub reviews_failing: bool,
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
                reviews_failing: of("jeton_token_reviews_failing", name) > 0.0,
            }
        });
        issuers.collect()
    }

    /// Judges the state.
    pub fn level(&self) -> Level {
        let is_bad = self.keys < 1.0 || self.unreadable || self.reviews_failing;
        if is_bad { Level::Bad } else { Level::Calm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_bad_without_keys_and_while_it_answers_no_question_about_tokens() {
        let keys = "jeton_issuer_keys{issuer=\"a\"} 2\njeton_issuer_keys{issuer=\"b\"} 2\n\
                    jeton_issuer_keys{issuer=\"c\"} 0\n";
        let reviews = "jeton_token_reviews_failing{issuer=\"a\"} 0\n\
                       jeton_token_reviews_failing{issuer=\"b\"} 1\n";
        let reading = Reading::parse(&format!("{keys}{reviews}")).expect("metrics");
        let levels: Vec<_> = Issuer::all(&reading).iter().map(Issuer::level).collect();
        assert_eq!(levels, [Level::Calm, Level::Bad, Level::Bad]);
    }
}
