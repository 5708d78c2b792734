//! `jeton bench` against a real server: what it counts is what was answered.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use serde_json::Value;

use common::{server::Server, settings::Settings};

fn bench(server: &Server, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jeton"))
        .arg("bench")
        .args(["--connections", "2", "--streams", "2", "--tokens", "50", "--warm-up", "0s"])
        .args(arguments)
        .env("JETON_SERVER", server.url())
        .env("JETON_CLIENT_ID", "shop")
        .env("JETON_CLIENT_SECRET", "shop-secret")
        .env("JETON_PASSWORD", "alice-password")
        .output()
        .expect("the command runs")
}

fn measured(server: &Server, arguments: &[&str]) -> Value {
    let output = bench(server, &[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn every_call_is_made_answered_and_timed() {
    let server = Server::start(&Settings::standard()).await;
    let calls = ["introspect", "batch-introspect", "issue", "password", "refresh", "revoke"];
    let mix = calls.join(",");
    let report = measured(&server, &["--mix", &mix, "--username", "alice", "--duration", "1s"]);
    for call in calls {
        let seen = &report["calls"][call];
        assert!(seen["answered"].as_u64() > Some(0), "{call}: {report}");
        assert_eq!(seen["refused"], serde_json::json!({}), "{call}: {report}");
        let micros = &seen["latency_micros"];
        let quantiles = ["p50", "p90", "p99", "p999", "max"].map(|name| micros[name].as_u64());
        assert!(quantiles[0] > Some(0), "{call}: {report}");
        assert!(quantiles.is_sorted(), "{call}: {report}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_open_loop_makes_the_calls_that_its_rate_and_time_ask_for() {
    let server = Server::start(&Settings::standard()).await;
    let report = measured(&server, &["--rate", "200", "--duration", "1s"]);
    assert_eq!(report["calls"]["introspect"]["answered"], 200, "{report}");
    server.stop().await;
}

#[tokio::test]
async fn tokens_that_were_kept_are_used_again_and_no_others_are_issued() {
    let server = Server::start(&Settings::standard()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    let path = file.to_str().expect("a path");
    let arguments = ["--reuse", path, "--zipf", "1", "--duration", "200ms"];
    let asked = measured(&server, &arguments);
    let kept = fs::read_to_string(&file).expect("tokens");
    assert_eq!(kept.lines().count(), 50);
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = measured(&server, &arguments);
    for report in [asked, again] {
        assert!(report["calls"]["introspect"]["answered"].as_u64() > Some(0), "{report}");
        assert_eq!(report["calls"]["introspect"]["refused"], serde_json::json!({}));
    }
    assert_eq!(fs::read_to_string(&file).expect("tokens"), kept);
    // They are revoked: it is they that are asked about.
    let shop = server.caller("shop").await;
    for token in kept.lines() {
        shop.revoke(token).await.expect("revoked");
    }
    let report = measured(&server, &["--reuse", path, "--duration", "200ms"]);
    let seen = &report["calls"]["introspect"];
    assert_eq!(seen["answered"], 0, "{report}");
    assert!(seen["refused"]["inactive"].as_u64() > Some(0), "{report}");
    let too_few = bench(&server, &["--reuse", path, "--tokens", "51"]);
    assert!(!too_few.status.success());
    server.stop().await;
}

#[tokio::test]
async fn refusals_are_counted_by_reason_and_not_as_answers() {
    let server = Server::start(&Settings::standard()).await;
    let arguments = ["--mix", "password", "--username", "nobody", "--duration", "100ms"];
    let report = measured(&server, &arguments);
    let seen = &report["calls"]["password"];
    assert_eq!(seen["answered"], 0, "{report}");
    assert!(seen["refused"]["INVALID_GRANT"].as_u64() > Some(0), "{report}");
    server.stop().await;
}

#[tokio::test]
async fn calls_of_a_user_need_one() {
    let server = Server::start(&Settings::standard()).await;
    let output = bench(&server, &["--mix", "refresh"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--user"), "{said}");
    server.stop().await;
}
