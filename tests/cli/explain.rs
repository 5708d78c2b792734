//! `jeton token explain`, and the cause of a refusal.

use crate::jeton::Administered;

#[tokio::test]
async fn a_token_is_explained_from_standard_input_and_a_grant_by_its_id() {
    let server = Administered::start().await;
    let shop = server.server.caller("shop").await;
    let tokens = shop.log_in().await;
    let good = server.jeton("token explain").input(&tokens.access_token).json();
    assert_eq!((&good["active"], &good["username"]), (&true.into(), &"alice".into()));
    assert_eq!(good["grant"]["client_id"], "shop", "{good}");

    server.jeton("grant revoke").and(&tokens.grant_id).text();
    let ended = server.jeton("token explain").and(&tokens.grant_id).json();
    assert_eq!((&ended["active"], &ended["cause"]), (&false.into(), &"revoked".into()));
    assert_eq!(ended["end_cause"], "revoked");
    let explain = server.as_client("shop", "token explain").input(&tokens.access_token);
    explain.run().failed(1, &["ACCESS_DENIED"]);
    server.stop().await;
}

#[tokio::test]
async fn with_verbose_an_administrator_reads_the_cause_of_an_inactive_token_and_others_what_they_may()
 {
    let server = Administered::start().await;
    server.jeton("client update root --introspect any").text();
    let shop = server.server.caller("shop").await;
    let tokens = shop.log_in().await;
    server.jeton("user disable alice").text();
    let ask = |id: &str, line: &str| server.as_client(id, line).input(&tokens.access_token);
    let verbose = ask("root", "token introspect --verbose").json();
    assert_eq!((&verbose["active"], &verbose["cause"]), (&false.into(), &"disabled_user".into()));
    assert_eq!(ask("root", "token introspect").json()["cause"], serde_json::Value::Null);
    let ran = ask("shop", "token introspect --verbose").run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.out.contains("cause") && ran.err.contains("The cause: ACCESS_DENIED"), "{ran:?}");

    let login = server.jeton("token issue --verbose --user alice").with("JETON_PASSWORD", "wrong");
    login.run().failed(1, &["UNAUTHORIZED_CLIENT", "code: PermissionDenied"]);
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_reads_why_a_login_was_refused() {
    let server = Administered::start().await;
    let root = server.jeton("token issue --username alice").with("JETON_PASSWORD", "wrong");
    root.run().failed(1, &["UNAUTHORIZED_CLIENT"]);
    let grant = "client update root --grant password";
    server.jeton(grant).text();
    let root = server.jeton("token issue --username alice").with("JETON_PASSWORD", "wrong");
    root.run().failed(1, &["INVALID_GRANT", "cause: wrong_password"]);
    server.stop().await;
}
