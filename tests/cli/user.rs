//! `jeton user`.

use serde_json::json;

use crate::jeton::{Administered, PASSWORD, table};

/// Returns whether a user may log in.
fn logs_in(server: &Administered, name: &str, password: &str) -> bool {
    let jeton = server.as_client("shop", "token issue --username").and(name);
    jeton.with("JETON_PASSWORD", password).run().code == Some(0)
}

#[tokio::test]
async fn a_user_is_created_with_a_password_from_standard_input_and_logs_in() {
    let server = Administered::start().await;
    let create = "user create carol --attribute email=carol@example.com";
    let created = server.jeton(create).input(&format!("{PASSWORD}\n"));
    let created = created.json();
    assert_eq!(created["username"], "carol");
    assert_eq!(created["attributes"], json!({"email": "carol@example.com"}));
    assert!(!created.to_string().contains(PASSWORD));
    assert!(logs_in(&server, "carol", PASSWORD));
    let id = created["user_id"].as_str().expect("an id");
    let shown = server.jeton("user get").and(id).json();
    for named in ["user get carol", "user get --name carol"] {
        assert_eq!(server.jeton(named).json(), shown);
    }

    server.jeton(create).input(PASSWORD).run().failed(1, &["ALREADY_EXISTS"]);
    server.jeton("user create --name dave").input("short").run().failed(1, &["INVALID_REQUEST"]);
    server.jeton("user create --name dave").run().failed(2, &["no secret"]);
    server.jeton("user get --name dave").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn a_password_from_standard_input_is_good_for_a_token_too() {
    let server = Administered::start().await;
    let issue = server.as_client("shop", "token issue --username alice").input("alice-password\n");
    assert!(issue.json()["access_token"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_the_grants_unless_they_are_to_be_kept() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    let (first, id) = (shop.log_in().await, server.user_id("alice"));
    server.jeton("user set-password --keep-grants").and(&id).input(PASSWORD).text();
    assert!(shop.is_active(&first.access_token).await);
    assert!(logs_in(&server, "alice", PASSWORD) && !logs_in(&server, "alice", "alice-password"));
    let other = "eleven yellow giraffes singing";
    server.jeton("user set-password --name alice").input(other).text();
    assert!(!shop.is_active(&first.access_token).await);
    assert!(logs_in(&server, "alice", other));
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_user_does_not_log_in_until_enabled() {
    let server = Administered::start().await;
    assert_eq!(server.jeton("user disable --name alice").json()["disabled"], true);
    assert!(!logs_in(&server, "alice", "alice-password"));
    let disabled = server.jeton("user list --disabled").json();
    assert_eq!(disabled[0]["username"], "alice");
    assert_eq!(disabled.as_array().map(Vec::len), Some(1));
    let id = server.user_id("alice");
    assert_eq!(server.jeton("user enable").and(&id).json()["disabled"], false);
    assert!(logs_in(&server, "alice", "alice-password"));
    server.stop().await;
}

#[tokio::test]
async fn a_user_is_renamed_and_described_anew() {
    let server = Administered::start().await;
    let id = server.user_id("alice");
    let update = "user update --name alice --new-name alicia --attribute team=risk";
    let updated = server.jeton(update).json();
    assert_eq!((&updated["user_id"], &updated["username"]), (&json!(id), &json!("alicia")));
    assert_eq!(updated["attributes"], json!({"team": "risk"}));
    let cleared = server.jeton("user update --clear attributes").and(&id).json();
    assert_eq!((&cleared["attributes"], &cleared["username"]), (&json!({}), &json!("alicia")));
    let stale = updated["etag"].as_str().expect("an etag");
    let late = server.jeton("user update --name alicia --new-name al --etag").and(stale);
    late.run().failed(1, &["CONFLICT"]);
    server.jeton("user update").and(&id).run().failed(2, &["nothing to change"]);
    server.stop().await;
}

#[tokio::test]
async fn users_are_listed_as_a_table_with_headers_and_as_one_array() {
    let server = Administered::start().await;
    let text = server.jeton("user list --wide").text();
    let rows = table(&text);
    assert_eq!(
        rows[0],
        ["USER ID", "USERNAME", "DISABLED", "CREATE TIME", "UPDATE TIME"],
        "{text}"
    );
    let mut names: Vec<_> = rows[1..].iter().map(|row| row[1]).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "bob"]);
    let listed = server.jeton("user list --prefix al").json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["username"], "alice");
    assert_eq!(server.jeton("user list --limit 1").json().as_array().map(Vec::len), Some(1));
    server.stop().await;
}

#[tokio::test]
async fn a_user_is_deleted_only_after_a_yes() {
    let server = Administered::start().await;
    let id = server.user_id("bob");
    server.jeton("user delete --name bob").run().failed(1, &["nothing was done", "--yes"]);
    let deleted = server.jeton("user delete --name bob --yes").json();
    assert_eq!(deleted, json!({"user_id": id, "username": "bob", "deleted": true}));
    server.jeton("user get --name bob").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn a_user_is_named_in_one_way() {
    let server = Administered::start().await;
    for line in ["user get", "user get some-id --name alice", "user disable"] {
        let ran = server.jeton(line).run();
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_user_lists_identities_and_needs_no_password_then() {
    let server = Administered::start().await;
    let one = "issuer=corp,subject=8f2c6a0e";
    let created = server.jeton("user create carol --identity issuer=corp,subject=77aa1b02").json();
    assert_eq!(created["identities"], json!(["issuer=corp,subject=77aa1b02"]));
    assert_eq!(created["has_password"], false);
    let linked = server.jeton("user update alice --identity").and(one).json();
    assert_eq!((&linked["identities"], &linked["has_password"]), (&json!([one]), &json!(true)));
    let taken = server.jeton("user update bob --identity").and(one).run();
    taken.failed(1, &["ALREADY_EXISTS"]);
    for wrong in ["corp", "issuer=corp", "issuer=,subject=a", "issuer=corp,subject="] {
        let refused = server.jeton("user update bob --identity").and(wrong).run();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains("an identity is written issuer=NAME,subject=TEXT"));
    }
    let both = server.jeton("user update alice --clear identities --identity").and(one).run();
    both.failed(2, &["a value is given or cleared, not both"]);
    let cleared = server.jeton("user update alice --clear identities").json();
    assert_eq!(cleared["identities"], json!([]));
    server.stop().await;
}
