//! `jeton lockout`, and what `jeton user get` says of lockouts.

use serde_json::json;

use crate::jeton::{Administered, Ran, table};

fn log_in(server: &Administered, name: &str, password: &str) -> Ran {
    let jeton = server.as_client("shop", "token issue --username").and(name);
    jeton.with("JETON_PASSWORD", password).run()
}

#[tokio::test]
async fn a_lockout_is_seen_and_lifted_by_command() {
    let server = Administered::start().await;
    for _ in 0..5 {
        log_in(&server, "alice", "wrong").failed(1, &["INVALID_GRANT"]);
    }
    log_in(&server, "alice", "alice-password").failed(1, &["RATE_LIMITED", "Try again in"]);

    let text = server.jeton("lockout list").text();
    let rows = table(&text);
    assert_eq!(rows[1][..3], ["alice", "shop", "5"], "{text}");
    let user = server.jeton("user get --name alice").json();
    assert_eq!(user["lockouts"][0]["client_id"], "shop");
    assert!(user["lockouts"][0]["retry_time"].is_string(), "{user}");

    let id = server.user_id("alice");
    assert_eq!(server.jeton("lockout list --user").and(&id).json()[0]["username"], "alice");
    assert_eq!(server.jeton("lockout list --user bob").json(), json!([]));
    assert_eq!(server.jeton("lockout clear --user alice").json(), json!({"cleared": 1}));
    log_in(&server, "alice", "alice-password").succeeded();
    assert_eq!(server.jeton("lockout list").json(), json!([]));

    let named = server.jeton("lockout clear").run();
    assert_eq!(named.code, Some(2), "{named:?}");
    assert!(named.err.contains("LOCKOUT_ID"), "{named:?}");
    server.jeton("lockout clear nonsense").run().failed(1, &["NOT_FOUND"]);
    // An unset variable would stand for every client, and for everybody.
    for line in [
        "lockout clear --user alice --client",
        "lockout clear --user",
        "lockout clear",
        "lockout list --client",
        "lockout list --user",
    ] {
        let ran = server.jeton(line).and("").run();
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        assert!(ran.err.contains("is empty: is a variable unset?"), "{line}: {ran:?}");
    }
    server.stop().await;
}
