//! All figures of a process over one interval.

use serde_json::{Map, Value, json};

use super::{
    Call, DEFINITIONS, Definition, Issuer, Level, Refusal, interval::Interval, reading::Series,
};

/// A figure with its value.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Names and unit.
    pub definition: &'static Definition,
    /// Value in the unit.
    pub value: f64,
    /// Judgement of the value.
    pub level: Level,
}

impl Figure {
    /// Returns the value in words.
    pub fn text(&self) -> String {
        self.definition.unit.text(self.value)
    }
}

/// Release of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Version.
    pub version: String,
    /// Commit; empty where the build did not know it.
    pub commit: String,
}

/// All figures of a process.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Release.
    pub build: Build,
    /// Calls by RPC and endpoint.
    pub calls: Vec<Call>,
    /// Figures that the process has, in the order of their definitions.
    pub figures: Vec<Figure>,
    /// Refusals by cause.
    pub refusals: Vec<Refusal>,
    /// Trusted issuers.
    pub issuers: Vec<Issuer>,
}

impl Snapshot {
    /// Computes the figures of an interval.
    pub fn of(interval: &Interval<'_>) -> Self {
        let figures = DEFINITIONS.iter().filter_map(|definition| {
            let value = definition.value(interval)?;
            Some(Figure { definition, value, level: definition.level(value) })
        });
        let build = interval.after.series("jeton_build_info").first();
        let label = |name| build.map_or("", |series: &Series| series.label(name)).to_owned();
        Self {
            build: Build { version: label("version"), commit: label("commit") },
            calls: Call::all(interval),
            figures: figures.collect(),
            refusals: Refusal::all(interval),
            issuers: Issuer::all(interval.after),
        }
    }

    /// Returns a figure by its key.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.definition.key == key)
    }

    /// Returns the figures for programs: one object.
    pub fn to_json(&self) -> Value {
        let figures = self
            .figures
            .iter()
            .map(|figure| (figure.definition.key.to_owned(), json!(rounded(figure.value))));
        let calls = self.calls.iter().map(|call| {
            let errors =
                call.errors.iter().map(|(name, rate)| (name.clone(), json!(rounded(*rate))));
            json!({
                "name": call.name,
                "total": call.total,
                "rate": rounded(call.rate),
                "p50": call.p50.map(rounded),
                "p99": call.p99.map(rounded),
                "errors": errors.collect::<Map<_, _>>(),
            })
        });
        let refusals = self.refusals.iter().map(|refusal| {
            json!({"cause": refusal.cause, "total": refusal.total, "recent": refusal.recent})
        });
        let issuers = self.issuers.iter().map(|issuer| {
            json!({
                "name": issuer.name,
                "keys": issuer.keys,
                "age": issuer.age,
                "unreadable": issuer.unreadable,
                "reviews_failing": issuer.reviews_failing,
            })
        });
        json!({
            "version": self.build.version,
            "commit": self.build.commit,
            "figures": figures.collect::<Map<_, _>>(),
            "calls": calls.collect::<Value>(),
            "refusals": refusals.collect::<Value>(),
            "issuers": issuers.collect::<Value>(),
        })
    }
}

/// Returns the value with six decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::{
        super::{History, Reading},
        *,
    };

    const BEFORE: &str = r#"
jeton_build_info{commit="abc",version="0.1.0"} 1
jeton_grpc_requests_total{method="jeton.v1.TokenService/Introspect",outcome="OK"} 100
jeton_grpc_requests_total{method="jeton.v1.TokenService/IssueToken",outcome="INVALID_GRANT"} 4
jeton_grpc_requests_total{method="grpc.health.v1.Health/Check",outcome="OK"} 0
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="0.001"} 100
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="0.002"} 100
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="+Inf"} 100
jeton_cache_hits_total{records="grants"} 10
jeton_cache_misses_total{records="grants"} 0
jeton_store_batch_commands_sum 10
jeton_store_batch_commands_count 10
jeton_store_grants 7
jeton_tls_certificate_expire_timestamp_seconds 1000
jeton_refusals_total{cause="wrong_password"} 4
"#;
    const AFTER: &str = r#"
jeton_build_info{commit="abc",version="0.1.0"} 1
jeton_grpc_requests_total{method="jeton.v1.TokenService/Introspect",outcome="OK"} 300
jeton_grpc_requests_total{method="jeton.v1.TokenService/IssueToken",outcome="INVALID_GRANT"} 8
jeton_grpc_requests_total{method="grpc.health.v1.Health/Check",outcome="OK"} 0
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="0.001"} 100
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="0.002"} 300
jeton_grpc_request_seconds_bucket{method="jeton.v1.TokenService/Introspect",le="+Inf"} 300
jeton_cache_hits_total{records="grants"} 19
jeton_cache_misses_total{records="grants"} 1
jeton_store_batch_commands_sum 40
jeton_store_batch_commands_count 20
jeton_store_grants 9
jeton_tls_certificate_expire_timestamp_seconds 1000
jeton_refusals_total{cause="wrong_password"} 8
jeton_refusals_total{cause="forged"} 1
jeton_issuer_keys{issuer="prod"} 0
jeton_issuer_key_age_seconds{issuer="prod"} 30
"#;

    fn snapshot() -> Snapshot {
        let read = |text| Reading::parse(text).expect("metrics");
        let (before, after) = (read(BEFORE), read(AFTER));
        Snapshot::of(&Interval { before: Some(&before), after: &after, seconds: 4.0, now: 900.0 })
    }

    fn value(snapshot: &Snapshot, key: &str) -> Option<f64> {
        snapshot.figure(key).map(|figure| rounded(figure.value))
    }

    #[test]
    fn rates_quantiles_means_and_shares_are_of_the_interval_alone() {
        let snapshot = snapshot();
        let shown = [
            ("grpc_calls", 51.0),
            ("refused", 1.0),
            ("introspect_p50", 0.001_5),
            ("batch_commands", 3.0),
            ("grants", 9.0),
            ("grants_in_memory", 0.9),
            ("certificate_left", 100.0),
        ];
        for (key, expected) in shown {
            assert_eq!(value(&snapshot, key), Some(expected), "{key}");
        }
        assert_eq!(snapshot.figure("certificate_left").map(|one| one.level), Some(Level::Bad));
        for key in ["staleness", "sync_p99", "clients_in_memory", "watchers"] {
            assert_eq!(value(&snapshot, key), None, "{key}: the process has no such metric");
        }
    }

    #[test]
    fn calls_have_their_rates_durations_and_errors_by_reason() {
        let snapshot = snapshot();
        let [introspect, issue] = &snapshot.calls[..] else { panic!("{:?}", snapshot.calls) };
        assert_eq!((&*introspect.name, introspect.rate), ("Token/Introspect", 50.0));
        assert_eq!((introspect.p50.map(rounded), introspect.error_rate()), (Some(0.001_5), 0.0));
        assert_eq!((&*issue.name, issue.p99), ("Token/IssueToken", None));
        assert_eq!(issue.errors, [("INVALID_GRANT".to_owned(), 1.0)]);
    }

    #[test]
    fn refusals_are_counted_by_cause_and_issuers_are_judged() {
        let snapshot = snapshot();
        let causes: Vec<_> =
            snapshot.refusals.iter().map(|one| (&*one.cause, one.recent, one.total)).collect();
        assert_eq!(causes, [("wrong_password", 4.0, 8.0), ("forged", 1.0, 1.0)]);
        assert_eq!(snapshot.issuers[0].level(), Level::Bad);
    }

    #[test]
    fn a_first_reading_has_values_and_no_rates() {
        let after = Reading::parse(AFTER).expect("metrics");
        let first = Interval { before: None, after: &after, seconds: 0.0, now: 0.0 };
        let snapshot = Snapshot::of(&first);
        assert_eq!(value(&snapshot, "grants"), Some(9.0));
        assert_eq!(value(&snapshot, "grpc_calls"), Some(0.0));
        assert_eq!(snapshot.build.version, "0.1.0");
    }

    #[test]
    fn a_history_forgets_its_oldest_moment_and_knows_of_gaps() {
        let mut history = History::of(2);
        let snapshot = snapshot();
        history.push(Some(&snapshot));
        history.push(None);
        assert_eq!(history.values("grants"), [Some(9.0), None]);
        history.push(Some(&snapshot));
        assert_eq!(history.values("grants"), [None, Some(9.0)]);
        assert!(history.values("nothing").is_empty());
    }

    #[test]
    fn programs_get_one_object() {
        let value = snapshot().to_json();
        assert_eq!(value["figures"]["grants"], json!(9.0));
        assert_eq!(value["calls"][0]["name"], "Token/Introspect");
        assert_eq!(value["calls"][1]["errors"]["INVALID_GRANT"], json!(1.0));
        assert_eq!(value["refusals"][0]["cause"], "wrong_password");
    }
}
