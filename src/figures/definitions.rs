//! The figures that are shown, each with its metric and its bounds.

use super::{
    definition::{Bounds, Definition, Rule, Section},
    selector::{Selector, Where},
    unit::Unit,
};

/// Outcomes that are failures of the server's own.
const FAILURES: [&str; 3] = ["SERVER_ERROR", "TEMPORARILY_UNAVAILABLE", "OTHER"];
/// Outcomes that are no refusals.
const NOT_REFUSED: [&str; 5] =
    ["OK", "CANCELLED", "SERVER_ERROR", "TEMPORARILY_UNAVAILABLE", "OTHER"];
const GRPC: &str = "jeton_grpc_requests_total";
const GRANTS: &str = "jeton_grant_requests_total";
const INTROSPECT: Where = Where::Is("method", "jeton.v1.TokenService/Introspect");
const PASSWORD: Where = Where::Is("grant_type", "password");
const FAR: f64 = f64::INFINITY;

const fn define(
    section: Section,
    key: &'static str,
    title: &'static str,
    unit: Unit,
    rule: Rule,
    bounds: Bounds,
) -> Definition {
    Definition { section, key, title, unit, rule, bounds }
}

const fn per_second(
    section: Section,
    key: &'static str,
    title: &'static str,
    selector: Selector,
    bounds: Bounds,
) -> Definition {
    define(section, key, title, Unit::PerSecond, Rule::Rate(selector), bounds)
}

const fn count(
    section: Section,
    key: &'static str,
    title: &'static str,
    name: &'static str,
    bounds: Bounds,
) -> Definition {
    define(section, key, title, Unit::Count, Rule::Value(Selector::all(name)), bounds)
}

const fn seconds(
    section: Section,
    key: &'static str,
    title: &'static str,
    selector: Selector,
    quantile: f64,
    bounds: Bounds,
) -> Definition {
    define(section, key, title, Unit::Seconds, Rule::Quantile(selector, quantile), bounds)
}

const fn in_memory(
    key: &'static str,
    title: &'static str,
    hits: &'static [Where],
    bounds: Bounds,
) -> Definition {
    let hit = Selector::of("jeton_cache_hits_total", hits);
    let missed = Selector::of("jeton_cache_misses_total", hits);
    define(Section::Cache, key, title, Unit::Share, Rule::Share(hit, missed), bounds)
}

/// Every figure, in the order in which they are shown.
pub static DEFINITIONS: [Definition; 49] = {
    use Bounds::{Above, Below, None};
    use Section::{Agent, Calls, Hashing, Keys, Logins, Store, Tokens, Watches};
    const HTTP: Selector = Selector::all("jeton_http_requests_total");
    const GRPC_SECONDS: &str = "jeton_grpc_request_seconds";
    const THROTTLED: &str = "jeton_throttled_total";
    const AGENT: &str = "jeton_agent_tokens_total";
    [
        per_second(Calls, "grpc_calls", "gRPC", Selector::all(GRPC), None),
        per_second(Calls, "http_requests", "HTTP", HTTP, None),
        per_second(Calls, "proxy_checks", "proxies", Selector::all("jeton_checks_total"), None),
        seconds(Calls, "grpc_p99", "gRPC p99", Selector::all(GRPC_SECONDS), 0.99, None),
        seconds(
            Calls,
            "introspect_p50",
            "introspect p50",
            Selector::of(GRPC_SECONDS, &[INTROSPECT]),
            0.5,
            None,
        ),
        seconds(
            Calls,
            "introspect_p99",
            "introspect p99",
            Selector::of(GRPC_SECONDS, &[INTROSPECT]),
            0.99,
            Above(0.05, FAR),
        ),
        per_second(
            Calls,
            "refused",
            "refused",
            Selector::of(GRPC, &[Where::Not("outcome", &NOT_REFUSED)]),
            None,
        ),
        per_second(
            Calls,
            "failed",
            "failed",
            Selector::of(GRPC, &[Where::In("outcome", &FAILURES)]),
            Above(0.001, 1.0),
        ),
        per_second(Logins, "logins", "logins", Selector::of(GRANTS, &[PASSWORD]), None),
        per_second(
            Logins,
            "logins_refused",
            "refused",
            Selector::of(GRANTS, &[PASSWORD, Where::Not("outcome", &["OK", "CANCELLED"])]),
            None,
        ),
        per_second(
            Logins,
            "lockouts",
            "locked out",
            Selector::of(THROTTLED, &[Where::Is("limit", "failed_logins")]),
            Above(0.01, 1.0),
        ),
        per_second(
            Logins,
            "secrets_guessed",
            "secrets guessed",
            Selector::of(THROTTLED, &[Where::Is("limit", "client_secrets")]),
            Above(0.01, 1.0),
        ),
        per_second(
            Logins,
            "over_limits",
            "over limits",
            Selector::of(THROTTLED, &[Where::In("limit", &["requests", "grants"])]),
            Above(0.01, FAR),
        ),
        per_second(
            Tokens,
            "client_tokens",
            "for clients",
            Selector::of(GRANTS, &[Where::Is("grant_type", "client_credentials")]),
            None,
        ),
        per_second(
            Tokens,
            "refreshes",
            "refreshes",
            Selector::of(GRANTS, &[Where::Is("grant_type", "refresh_token")]),
            None,
        ),
        per_second(
            Tokens,
            "refresh_retries",
            "retries",
            Selector::all("jeton_refresh_retries_total"),
            None,
        ),
        per_second(
            Tokens,
            "refresh_replays",
            "replays",
            Selector::all("jeton_refresh_replays_total"),
            Above(0.000_001, 0.1),
        ),
        count(Tokens, "replays_since_start", "replays in all", "jeton_refresh_replays_total", None),
        count(
            Tokens,
            "store_went_back",
            "went back",
            "jeton_store_went_back_total",
            Above(1.0, 1.0),
        ),
        per_second(
            Tokens,
            "grants_evicted",
            "evicted",
            Selector::all("jeton_grants_evicted_total"),
            None,
        ),
        per_second(
            Tokens,
            "assertions",
            "assertions",
            Selector::all("jeton_assertions_total"),
            None,
        ),
        count(Store, "grants", "grants", "jeton_store_grants", None),
        count(
            Store,
            "backlog",
            "to be freed",
            "jeton_sweeper_backlog_grants",
            Above(10_000.0, 100_000.0),
        ),
        per_second(Store, "swept", "freed", Selector::all("jeton_grants_swept_total"), None),
        define(
            Store,
            "batch_commands",
            "batch",
            Unit::Count,
            Rule::Mean("jeton_store_batch_commands"),
            None,
        ),
        seconds(
            Store,
            "commit_p99",
            "commit p99",
            Selector::all("jeton_store_commit_seconds"),
            0.99,
            Above(0.2, FAR),
        ),
        seconds(
            Store,
            "sync_p50",
            "sync p50",
            Selector::all("jeton_store_fsync_seconds"),
            0.5,
            None,
        ),
        seconds(
            Store,
            "sync_p99",
            "sync p99",
            Selector::all("jeton_store_fsync_seconds"),
            0.99,
            Above(0.1, 1.0),
        ),
        define(
            Store,
            "space_left",
            "space left",
            Unit::Bytes,
            Rule::Less("jeton_store_free_bytes", "jeton_store_min_free_bytes"),
            Below(536_870_912.0, 0.0),
        ),
        define(
            Store,
            "disk_bytes",
            "on disk",
            Unit::Bytes,
            Rule::Value(Selector::all("jeton_store_disk_bytes")),
            None,
        ),
        count(Store, "damaged_records", "damaged", "jeton_store_damaged_records", Above(1.0, 1.0)),
        define(
            Store,
            "clock_skew",
            "clock skew",
            Unit::Seconds,
            Rule::Value(Selector::all("jeton_clock_skew_seconds")),
            Above(1.0, 60.0),
        ),
        in_memory("grants_in_memory", "grants", &[Where::Is("records", "grants")], None),
        in_memory("clients_in_memory", "clients", &[Where::Is("records", "clients")], None),
        in_memory("users_in_memory", "users", &[Where::Is("records", "users")], None),
        count(Watches, "watchers", "watchers", "jeton_watchers", Above(3_500.0, 4_096.0)),
        count(
            Watches,
            "watch_lag",
            "lag, events",
            "jeton_watch_lag_events",
            Above(1_000.0, 10_000.0),
        ),
        per_second(
            Watches,
            "revocations",
            "given",
            Selector::all("jeton_watch_events_total"),
            None,
        ),
        count(Hashing, "hash_queue", "waiting", "jeton_hash_queue_depth", Above(50.0, FAR)),
        seconds(Hashing, "hash_p99", "hash p99", Selector::all("jeton_hash_seconds"), 0.99, None),
        per_second(
            Hashing,
            "hashes_refused",
            "in vain",
            Selector::all("jeton_hashes_refused_total"),
            Above(0.000_001, 1.0),
        ),
        define(
            Keys,
            "key_ring_usable",
            "key ring fit",
            Unit::Flag,
            Rule::Value(Selector::all("jeton_key_ring_usable")),
            Below(1.0, 1.0),
        ),
        define(
            Keys,
            "certificate_left",
            "certificate",
            Unit::Seconds,
            Rule::Until("jeton_tls_certificate_expire_timestamp_seconds"),
            Below(21.0 * 86_400.0, 7.0 * 86_400.0),
        ),
        count(Keys, "log_lines_lost", "log lost", "jeton_log_lines_lost_total", Above(1.0, FAR)),
        count(
            Keys,
            "audit_lines_lost",
            "audit lost",
            "jeton_audit_lines_lost_total",
            Above(1.0, FAR),
        ),
        define(
            Agent,
            "staleness",
            "staleness",
            Unit::Seconds,
            Rule::Milliseconds("jeton_agent_staleness_milliseconds"),
            Above(10.0, 30.0),
        ),
        per_second(
            Agent,
            "answered_from_memory",
            "from memory",
            Selector::of(AGENT, &[Where::In("answer", &["remembered", "remembered_refusal"])]),
            None,
        ),
        per_second(
            Agent,
            "asked_the_server",
            "asked",
            Selector::of(AGENT, &[Where::Is("answer", "asked")]),
            None,
        ),
        per_second(
            Agent,
            "unanswered",
            "unanswered",
            Selector::of(AGENT, &[Where::Is("answer", "unanswered")]),
            Above(0.01, 1.0),
        ),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::definition::Level, *};

    #[test]
    fn every_figure_has_a_key_of_its_own_and_a_title_that_fits() {
        let keys: BTreeSet<_> = DEFINITIONS.iter().map(|definition| definition.key).collect();
        assert_eq!(keys.len(), DEFINITIONS.len());
        for Definition { title, .. } in &DEFINITIONS {
            assert!(title.chars().count() <= 15, "{title}");
        }
        let sections = DEFINITIONS.iter().map(|definition| definition.section);
        assert!(sections.is_sorted(), "sections are whole");
    }

    #[test]
    fn values_are_judged_by_their_bounds() {
        let level = |key, value| {
            let found = DEFINITIONS.iter().find(|definition| definition.key == key);
            found.expect("it is defined").level(value)
        };
        assert_eq!(level("sync_p99", 0.05), Level::Calm);
        assert_eq!(level("sync_p99", 0.1), Level::Notice);
        assert_eq!(level("sync_p99", 1.5), Level::Bad);
        assert_eq!(level("space_left", -1.0), Level::Bad);
        assert_eq!(level("certificate_left", 8.0 * 86_400.0), Level::Notice);
        assert_eq!(level("key_ring_usable", 0.0), Level::Bad);
        assert_eq!(level("grpc_calls", 1e9), Level::Calm);
    }
}
