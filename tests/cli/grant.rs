//! `jeton grant`.

use serde_json::{Value, json};

use crate::{
    common::{caller::by_password, caller::client_credentials},
    jeton::{Administered, table},
    terminal::Terminal,
};

fn ids(listed: &Value) -> Vec<&str> {
    let grants = listed.as_array().expect("an array").iter();
    let mut ids: Vec<_> = grants.map(|g| g["grant_id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids
}

fn sorted<const N: usize>(mut ids: [&str; N]) -> [&str; N] {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn grants_are_found_by_user_by_client_and_by_both() {
    let server = Administered::start().await;
    let (shop, rival) = (server.server.caller("shop").await, server.server.caller("rival").await);
    let (at_shop, at_rival) = (shop.log_in().await, rival.log_in().await);
    let bobs = shop.issue(by_password("bob")).await.expect("a grant for bob");
    let own = shop.issue(client_credentials()).await.expect("a grant for itself");
    let (a, b, c, d) = (&at_shop.grant_id, &at_rival.grant_id, &bobs.grant_id, &own.grant_id);

    let list = |line: &str| server.jeton(line).json();
    assert_eq!(ids(&list("grant list --user alice")), sorted([a, b]));
    assert_eq!(ids(&list("grant list --client shop")), sorted([a, c, d]));
    assert_eq!(ids(&list("grant list --client shop --user alice")), [a]);
    assert_eq!(ids(&list("grant list --subject shop")), [d]);
    assert_eq!(ids(&list(&format!("grant list --subject {}", server.user_id("bob")))), [c]);
    assert_eq!(list("grant list --client shop --limit 2").as_array().map(Vec::len), Some(2));
    assert_eq!(list("grant list --client kiosk"), json!([]));

    let text = server.jeton("grant list --wide --user").and(&server.user_id("bob")).text();
    let rows = table(&text);
    assert_eq!(rows[0][..5], ["GRANT ID", "CLIENT ID", "SUBJECT", "SCOPES", "ACTIVE"], "{text}");
    assert_eq!((rows[1][0], rows[1][1], rows[1][4]), (c.as_str(), "shop", "true"), "{text}");

    for line in ["grant list", "grant revoke-all --yes", "grant list --user a --subject b"] {
        let ran = server.jeton(line).run();
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    server.jeton("grant list --user nobody").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn a_grant_is_shown_and_ended_by_its_id() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    let tokens = shop.log_in().await;
    let id = tokens.grant_id.as_str();
    let shown = server.jeton("grant get").and(id).json();
    let expected = [("grant_id", json!(id)), ("client_id", json!("shop")), ("active", json!(true))];
    for (name, value) in expected {
        assert_eq!(shown[name], value, "{shown}");
    }
    assert_eq!((&shown["scopes"], &shown["generation"]), (&json!(["read", "write"]), &json!(0)));
    let revoked = server.jeton("grant revoke").and(id).json();
    assert_eq!(revoked, json!({"grant_id": id, "revoked": true}));
    assert!(!shop.is_active(&tokens.access_token).await);
    let shown = server.jeton("grant get").and(id).json();
    assert_eq!((&shown["active"], &shown["inactive_reason"]), (&json!(false), &json!("revoked")));
    assert_eq!(server.jeton("grant list --user alice --active").json(), json!([]));
    server.jeton("grant revoke").and(id).text();
    server.jeton("grant get no-such-grant").run().failed(1, &[]);
    server.stop().await;
}

#[tokio::test]
async fn a_mass_revocation_that_nobody_has_confirmed_ends_nothing() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    let tokens = shop.log_in().await;
    let counted = server.jeton("grant revoke-all --user alice --dry-run").json();
    assert_eq!(counted, json!({"count": 1, "at_least": false, "dry_run": true}));
    let alone = server.jeton("grant revoke-all --user alice").input("y\n");
    alone.run().failed(1, &["nothing was done", "--yes"]);
    for answer in ["n\n", "\n", "yesterday\n"] {
        let asked = Terminal::new().answer(answer, &server.jeton("grant revoke-all --user alice"));
        let question = format!("Ends 1 active grant of the user alice at {}", server.server.url());
        assert!(asked.err.contains(&question), "{asked:?}");
        asked.failed(1, &["nothing was done"]);
    }
    assert!(shop.is_active(&tokens.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_mass_revocation_is_confirmed_on_the_terminal_or_beforehand() {
    let server = Administered::start().await;
    let (shop, rival) = (server.server.caller("shop").await, server.server.caller("rival").await);
    let (first, second, other) = (shop.log_in().await, shop.log_in().await, rival.log_in().await);
    let line = "grant revoke-all --user alice --client shop --output json";
    let asked = Terminal::new().answer("y\n", &server.jeton(line)).succeeded();
    assert!(asked.err.contains("2 active grants of the user alice with the client shop"));
    let answer: Value = serde_json::from_str(&asked.out).expect("JSON");
    assert_eq!(answer, json!({"count": 2, "at_least": false, "dry_run": false}));
    for ended in [first, second] {
        assert!(!shop.is_active(&ended.access_token).await);
    }
    assert!(rival.is_active(&other.access_token).await);

    let beforehand = server.jeton("grant revoke-all --client rival --yes").json();
    assert_eq!(beforehand["count"], 1);
    assert!(!rival.is_active(&other.access_token).await);
    assert!(rival.is_active(&rival.log_in().await.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn deleting_and_disabling_ask_and_say_how_much_ends() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    shop.log_in().await;
    shop.log_in().await;
    for (line, question) in [
        ("client disable shop", "Disables the client shop at"),
        ("client delete shop", "Deletes the client shop at"),
        ("user delete --name alice", "Deletes the user alice at"),
    ] {
        let asked = Terminal::new().answer("no\n", &server.jeton(line));
        assert!(asked.err.contains(question), "{asked:?}");
        assert!(asked.err.contains("ends 2 active grants"), "{asked:?}");
        asked.failed(1, &["nothing was done"]);
    }
    let deleted = Terminal::new().answer("yes\n", &server.jeton("client delete shop"));
    deleted.succeeded();
    server.jeton("client get shop").run().failed(1, &["NOT_FOUND"]);
    server.stop().await;
}

#[tokio::test]
async fn grants_are_a_tree_below_their_user_or_client_with_their_generations() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    let first = shop.log_in().await;
    shop.refresh(&first.refresh_token).await.expect("a rotation");
    let second = server.server.caller("rival").await.log_in().await;
    let text = server.jeton("grant tree --user alice").text();
    let subject = format!("subject {}", server.user_id("alice"));
    assert!(text.starts_with(&subject), "{text}");
    for part in ["├─ client_id rival, 1 grant", "└─ client_id shop, 1 grant", &first.grant_id]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.contains(&second.grant_id) && text.contains("└─ generation 1, refreshed"),
        "{text}"
    );
    let tree = server.jeton("grant tree --client shop").json();
    assert_eq!(tree["clients"][0]["client_id"], "shop");
    let grant = &tree["clients"][0]["subjects"][0]["grants"][0];
    assert_eq!((&grant["grant_id"], &grant["generation"]), (&json!(first.grant_id), &json!(1)));
    assert_eq!(server.jeton("grant tree --client kiosk").text(), "no grants\n");
    server.stop().await;
}
