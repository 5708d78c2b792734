//! `jeton status`.

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
