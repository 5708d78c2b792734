//! `jeton login`, and profiles of several servers.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::jeton::{Administered, Jeton};

#[tokio::test]
async fn a_login_keeps_what_was_right_and_nothing_else() {
    let server = Administered::start().await;
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().to_str().expect("UTF-8").to_owned();
    let url = server.server.url();
    let jeton = |line: &str| Jeton::new(line).with("HOME", path.clone());
    let login = |client: &str, secret: &str| {
        let login = jeton("login prod --client-id").and(client).and("--server").and(&url);
        login.input(&format!("{secret}\n")).run()
    };
    login("root", "wrong-secret").failed(1, &["INVALID_CLIENT"]);
    let file = home.path().join(".config/jeton/profiles.toml");
    assert!(!file.exists());
    login("root", "root-secret").succeeded();
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    jeton("client list --profile prod").text();

    // One who administers nothing is known all the same; the others stay.
    let other = jeton("login shop --client-id shop --server").and(&url).input("shop-secret");
    other.text();
    jeton("token issue --profile shop").text();
    login("shop", "shop-secret").succeeded();
    jeton("client list --profile prod").run().failed(1, &["ACCESS_DENIED"]);
    jeton("token issue --profile shop").text();
    server.stop().await;
}

#[tokio::test]
async fn status_and_health_ask_every_server_of_a_profile() {
    let (first, second) = (Administered::start().await, Administered::start().await);
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().to_str().expect("UTF-8").to_owned();
    let jeton = |line: &str| Jeton::new(line).with("HOME", path.clone());
    let (one, two) = (first.server.url(), second.server.url());
    let login = jeton("login all --client-id root --server").and(&one).and("--also").and(&two);
    login.input("root-secret").text();
    let servers = jeton("status --profile all --field server").text();
    assert_eq!(servers, format!("{one}\n{two}\n"));
    let health = jeton("health --profile all").text();
    assert_eq!(health, format!("{one}  serving\n{two}  serving\n"));

    second.stop().await;
    let health = jeton("health --profile all").run();
    assert_eq!(health.code, Some(1), "{health:?}");
    assert!(health.out.contains(&format!("{two}  cannot reach")), "{health:?}");
    let status = jeton("status --profile all --output json").run();
    assert_eq!(status.code, Some(1), "{status:?}");
    let answers: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(answers[0]["version"], env!("CARGO_PKG_VERSION"));
    assert!(answers[1]["error"].as_str().is_some_and(|why| why.contains("cannot reach")));
    jeton("client list --profile all").text();
    first.stop().await;
}
