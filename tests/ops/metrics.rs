//! Counts of `/metrics`, which serves the documented table.

use std::collections::{BTreeMap, BTreeSet};

use jeton::proto::v1::{GetStatusRequest, IssueTokenRequest};
use tokio::task::JoinSet;
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{client_credentials, with_password},
    refusal::assert_refused,
    server::Server,
    settings::{Settings, Table},
};

const DOCUMENT: &str = include_str!("../../docs/monitoring.md");
const DASHBOARD: &str = include_str!("../../deploy/grafana/jeton.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yaml");
/// Series of servers over PostgreSQL, which tests/cluster looks at, and of agents.
const OF_OTHERS: [&str; 6] = [
    "jeton_clock_skew_seconds",
    "jeton_store_barrier_seconds_bucket",
    "jeton_agent_staleness_milliseconds",
    "jeton_agent_tokens_total",
    "jeton_agent_watches_total",
    "jeton_agent_revocations_total",
];
const RUNBOOK: &str = include_str!("../../docs/troubleshooting.md");

/// Name, type and labels of every metric in the document's table.
fn documented() -> BTreeMap<String, (String, String)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `jeton_"));
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().replace('`', "")).skip(1);
        let [name, kind, labels] = [(); 3].map(|()| cells.next().expect("a cell"));
        (name, (kind, labels))
    };
    rows.map(row).collect()
}

/// Name, type and labels of every metric that is served.
fn served(text: &str) -> BTreeMap<String, (String, String)> {
    let mut metrics = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        let sample = text.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            let rest = rest.strip_prefix("_count").unwrap_or(rest);
            rest.starts_with(['{', ' ']).then(|| rest.to_owned())
        });
        let sample = sample.unwrap_or_else(|| panic!("{name} has no sample"));
        let labels = sample.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let names =
            labels.map(|(labels, _)| labels.split(',').map(|label| label.split('=').next()));
        let names: Vec<_> = names.into_iter().flatten().flatten().collect();
        metrics.insert(name.to_owned(), (kind.to_owned(), names.join(", ")));
    }
    metrics
}

/// Every series that a text names: `jeton_…`.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("jeton_")).collect()
}

/// The metric that a series belongs to: a histogram has three kinds of them.
fn metric<'a>(series: &'a str, kinds: &BTreeMap<String, (String, String)>) -> Option<&'a str> {
    if kinds.get(series).is_some_and(|(kind, _)| kind != "histogram") {
        return Some(series);
    }
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|part| series.strip_suffix(part))?;
    kinds.get(name).is_some_and(|(kind, _)| kind == "histogram").then_some(name)
}

/// Asks for so many tokens for the client `shop` itself.
async fn mint(server: &Server, tokens: usize) {
    let shop = server.caller("shop").await;
    let mut minting = JoinSet::new();
    for _ in 0..tokens {
        let shop = shop.clone();
        minting.spawn(async move { shop.issue(client_credentials()).await });
    }
    for issued in minting.join_all().await {
        issued.expect("a token");
    }
}

#[tokio::test]
async fn status_and_metrics_name_a_client_that_mints_faster_than_its_tokens_expire() {
    const METRIC: &str = "jeton_minting_client_live_tokens{client_id=\"shop\"}";
    let server = Server::start(&with_admin()).await;
    let (admin, ops) = (Admin::of(&server).await, server.ops().await);
    for (tokens, named) in [(100, None), (20, Some(120))] {
        mint(&server, tokens).await;
        let status = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
        let status = status.expect("a status").into_inner();
        let minting = status.minting_clients.iter();
        let minting: Vec<_> =
            minting.map(|client| (&*client.client_id, client.live_tokens)).collect();
        assert_eq!(minting, named.map(|count| ("shop", count)).into_iter().collect::<Vec<_>>());
        let text = ops.metrics().await.text;
        let gauge = text.lines().find_map(|line| line.strip_prefix(METRIC)?.trim().parse().ok());
        assert_eq!(gauge, named);
        let store = status.store.expect("the store");
        assert!(store.writable && store.free_bytes > 0 && store.disk_bytes > 0, "{store:?}");
        assert_eq!(store.grants, named.unwrap_or(100));
    }
    server.stop().await;
}

/// A server that shows every metric: it has an issuer, and a client that mints.
async fn showing_all() -> Server {
    let settings = Settings::standard().set("http", "issuer", "https://tokens.example");
    let prod = Table::issuer("prod").text("jwks_file", "missing.json");
    let settings = settings.and(prod.text("token_review_url", "https://127.0.0.1:1/tokenreviews"));
    let server = Server::start(&settings).await;
    mint(&server, 101).await;
    server
}

#[tokio::test]
async fn every_metric_is_in_the_documented_table_and_every_row_of_it_is_served() {
    let server = showing_all().await;
    let metrics = server.ops().await.metrics().await;
    assert_eq!(served(&metrics.text), documented());
    server.stop().await;
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_what_is_served_and_the_dashboard_shows_all_of_it() {
    let server = showing_all().await;
    let metrics = served(&server.ops().await.metrics().await.text);
    for (file, text) in [("the dashboard", DASHBOARD), ("the alerts", ALERTS)] {
        let asked = named(text);
        assert!(!asked.is_empty(), "{file}");
        let asked = asked.iter().filter(|one| !OF_OTHERS.contains(*one));
        let unknown: Vec<_> = asked.filter(|one| metric(one, &metrics).is_none()).collect();
        assert_eq!(unknown, [&""; 0], "{file}");
    }
    let shown: BTreeSet<_> = named(DASHBOARD).iter().filter_map(|s| metric(s, &metrics)).collect();
    let all: BTreeSet<_> = metrics.keys().map(String::as_str).collect();
    assert_eq!(all.difference(&shown).collect::<Vec<_>>(), [&""; 0], "not on the dashboard");
    server.stop().await;
}

/// Titles of the rows of the dashboard that every operator looks for.
const ROWS: [&str; 6] = ["Calls", "Store", "Keys", "Issuers", "Agent", "Cluster"];

#[test]
fn every_panel_of_the_dashboard_has_a_description_thresholds_and_a_place_of_its_own() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let (rows, panels): (Vec<_>, Vec<_>) = panels.iter().partition(|one| one["type"] == "row");
    let titles: Vec<_> = rows.iter().filter_map(|row| row["title"].as_str()).collect();
    for title in ROWS {
        assert!(titles.contains(&title), "{title} is no row of {titles:?}");
    }
    let mut places = BTreeSet::new();
    assert!(panels.len() > 40, "{}", panels.len());
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        let described = panel["description"].as_str().is_some_and(|text| text.len() > 20);
        assert!(described, "{title} has no description");
        let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
        let steps = steps.unwrap_or_else(|| panic!("{title} has no thresholds"));
        let values: Vec<_> = steps.iter().map(|step| step["value"].as_f64()).collect();
        assert!(values.first() == Some(&None) && values.is_sorted(), "{title}: {values:?}");
        let place = [&panel["gridPos"]["x"], &panel["gridPos"]["y"]].map(ToString::to_string);
        assert!(places.insert(place), "{title} lies on another panel");
    }
}

#[test]
fn the_runbook_of_every_alert_is_a_section_of_the_page_and_every_section_is_one_of_an_alert() {
    let after = |line: &'static str, start: &str| line.trim().strip_prefix(start);
    let alerts: Vec<_> = ALERTS.lines().filter_map(|line| after(line, "- alert: ")).collect();
    let runbooks: Vec<_> = ALERTS.lines().filter_map(|line| after(line, "runbook_url: ")).collect();
    let sections: Vec<_> = RUNBOOK.lines().filter_map(|line| after(line, "### ")).collect();
    let expected = alerts.iter().map(|name| name.to_lowercase());
    let expected: Vec<_> =
        expected.map(|anchor| format!("docs/troubleshooting.md#{anchor}")).collect();
    assert!(alerts.len() > 20, "{alerts:?}");
    assert_eq!(runbooks, expected);
    assert_eq!(sections, alerts, "in the order of the rules");
}

#[tokio::test]
async fn refusals_are_counted_by_the_cause_that_the_audit_has() {
    let server = Server::start(&with_admin()).await;
    let (shop, ops) = (server.caller("shop").await, server.ops().await);
    let wrong = with_password("alice", "wrong");
    assert_refused(shop.issue(wrong).await, Code::Unauthenticated, "INVALID_GRANT");
    let scopes = vec!["root".to_owned()];
    let request = IssueTokenRequest { scopes, ..client_credentials() };
    assert_refused(shop.issue(request).await, Code::InvalidArgument, "INVALID_SCOPE");
    let metrics = ops.metrics().await;
    let count = |cause| metrics.count(&format!("jeton_refusals_total{{cause=\"{cause}\"}}"));
    assert_eq!(["wrong_password", "invalid_scope", "wrong_secret"].map(count), [1, 1, 0]);
    server.stop().await;
}

#[tokio::test]
async fn calls_are_counted_by_method_grant_type_and_reason() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let ops = server.ops().await;
    let issued = shop.log_in().await;
    for _ in 0..3 {
        assert!(shop.is_active(&issued.access_token).await);
    }
    let wrong = with_password("alice", "wrong");
    assert_refused(shop.issue(wrong).await, Code::Unauthenticated, "INVALID_GRANT");
    let nobody = IssueTokenRequest { scopes: vec!["root".to_owned()], ..client_credentials() };
    assert_refused(shop.issue(nobody).await, Code::InvalidArgument, "INVALID_SCOPE");

    let metrics = ops.metrics().await;
    let by_method = |method, outcome| {
        metrics.count(&format!(
            "jeton_grpc_requests_total{{method=\"jeton.v1.TokenService/{method}\",outcome=\"{outcome}\"}}"
        ))
    };
    let by_grant_type = |grant_type, outcome| {
        metrics.count(&format!(
            "jeton_grant_requests_total{{grant_type=\"{grant_type}\",outcome=\"{outcome}\"}}"
        ))
    };
    let counted = [
        by_method("IssueToken", "OK"),
        by_method("IssueToken", "INVALID_GRANT"),
        by_method("IssueToken", "INVALID_SCOPE"),
        by_method("Introspect", "OK"),
        by_grant_type("password", "OK"),
        by_grant_type("password", "INVALID_GRANT"),
        by_grant_type("client_credentials", "INVALID_SCOPE"),
        by_grant_type("client_credentials", "OK"),
        metrics.count("jeton_store_grants"),
    ];
    assert_eq!(counted, [1, 1, 1, 3, 1, 1, 1, 0, 1]);
    let timed = "jeton_grpc_request_seconds_count{method=\"jeton.v1.TokenService/Introspect\"}";
    assert_eq!(metrics.count(timed), 3);
    assert!(metrics.count("jeton_store_fsync_seconds_count") >= 1);
    assert!(metrics.count("jeton_hash_seconds_count") >= 2);
    assert!(metrics.count("jeton_cache_hits_total{records=\"grants\"}") >= 3);
    server.stop().await;
}

#[tokio::test]
async fn retries_replays_and_evictions_are_counted_each_as_what_it_is() {
    let settings = Settings::standard().declare("shop", "max_grants", "2");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let ops = server.ops().await;
    let counted = async || {
        let metrics = ops.metrics().await;
        ["jeton_refresh_retries_total", "jeton_refresh_replays_total", "jeton_grants_evicted_total"]
            .map(|name| metrics.count(name))
    };
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a rotation");
    assert_eq!(counted().await, [0, 0, 0]);
    shop.refresh(&first.refresh_token).await.expect("a retry");
    assert_eq!(counted().await, [1, 0, 0]);
    shop.refresh(&second.refresh_token).await.expect("a rotation");
    let replayed = shop.refresh(&first.refresh_token).await;
    assert_refused(replayed, Code::Unauthenticated, "INVALID_GRANT");
    assert_eq!(counted().await, [1, 1, 0]);
    for _ in 0..3 {
        shop.log_in().await;
    }
    assert_eq!(counted().await, [1, 1, 1]);
    server.stop().await;
}

#[tokio::test]
async fn grants_from_before_the_start_are_counted() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    for _ in 0..5 {
        shop.issue(client_credentials()).await.expect("a token");
    }
    let request = || IssueTokenRequest { request_id: "sixth".to_owned(), ..client_credentials() };
    shop.issue(request()).await.expect("a token");
    let server = Server::start_at(server.stop().await, &settings).await;
    let ops = server.ops().await;
    crate::common::wait::until("to be counted", async || {
        let counted = ops.metrics().await.count("jeton_store_grants");
        assert!(counted <= 6, "{counted}");
        counted == 6
    })
    .await;
    server.stop().await;
}
