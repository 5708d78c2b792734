//! `jeton status`.

use std::{
    io::{BufRead as _, BufReader},
    process::Command,
};

use serde_json::Value;

use crate::jeton::Administered;

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
