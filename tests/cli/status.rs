//! `jeton status`.

use std::{
    io::{BufRead as _, BufReader},
    process::Command,
};

use serde_json::Value;

use crate::{common::server::Server, jeton::Administered};

#[tokio::test]
async fn status_tells_the_release_the_store_and_the_keys() {
    let server = Administered::start().await;
    let status = server.jeton("status").json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["start_time"].as_str() <= status["server_time"].as_str());
    assert_eq!(
        (&status["store"]["engine"], &status["store"]["writable"]),
        (&"sled".into(), &true.into())
    );
    assert_eq!(status["keys"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(status["keys"][0]["active"], true);
    let text = server.jeton("status").text();
    assert!(text.lines().any(|line| line.starts_with("store ") && line.contains("engine=sled")));
    server.stop().await;
}

#[tokio::test]
async fn a_watched_status_comes_again_and_again_until_it_is_interrupted() {
    let server = Administered::start().await;
    let watch = server.jeton("status --watch --every 10ms --output json");
    let mut child = watch.command().spawn().expect("jeton starts");
    let lines = BufReader::new(child.stdout.take().expect("its standard output is piped")).lines();
    for line in lines.take(3) {
        let status: Value = serde_json::from_str(&line.expect("a line")).expect("an object");
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    // It had more to print, and nobody to read it: that ends it, too.
    let code = child.wait().expect("its end").code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_watched_status_begins_without_its_server_and_finds_it_once_it_serves() {
    let server = Administered::start().await;
    let address = server.server.address().to_owned();
    let watch = server.jeton("status --watch --every 50ms --output json");
    let home = server.server.stop().await;
    let mut child = watch.command().spawn().expect("jeton starts");
    let complaints = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    // Twice: the reason is known at every look.
    let mut reasons = complaints
        .map(|complaint| complaint.expect("text"))
        .filter(|complaint| complaint.contains(&address) && complaint.contains("refused"));
    assert!(reasons.next().is_some() && reasons.next().is_some());
    let mut again = Server::spawn(home, &Administered::settings(), address);
    again.serving().await;
    let status: Value =
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("an object");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    child.kill().expect("it runs");
    child.wait().expect("its end");
    again.stop().await;
}
