//! Administrators and the audit get the cause of each refusal; everybody else gets one reason for
//! many causes.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{collections::BTreeMap, fs, path::Path};

use jeton::proto::v1::{
    DisableUserRequest, ExplainTokenRequest, ExplainTokenResponse, IssueTokenRequest,
    PasswordGrant, RevokeGrantRequest, SetUserPasswordRequest, TokenKind,
    explain_token_request::What, issue_token_request::Grant,
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::common::{
    admin::{Admin, PASSWORD, with_admin},
    caller::{Caller, client_credentials},
    home::Home,
    http::post,
    refusal::{assert_refused, error_info},
    server::Server,
    settings::Settings,
};

fn attempt(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

#[track_caller]
fn cause<T>(outcome: Result<T, Status>) -> Option<String> {
    let Err(status) = outcome else { panic!("it was not refused") };
    error_info(&status).metadata.get("cause").cloned()
}

#[tokio::test]
async fn an_administrator_is_told_the_cause_over_grpc_and_nobody_else_is() {
    let server = Server::start(&with_admin().declare("bob", "disabled", "true")).await;
    let (root, shop) = (server.caller("root").await, server.caller("shop").await);
    for (name, password, expected) in [
        ("alice", "wrong", "wrong_password"),
        ("nobody", "wrong", "unknown_user"),
        ("bob", "bob-password", "disabled_user"),
    ] {
        assert_eq!(cause(root.issue(attempt(name, password)).await).as_deref(), Some(expected));
        assert_eq!(cause(shop.issue(attempt(name, password)).await), None);
    }
    for _ in 0..4 {
        let refused = root.issue(attempt("alice", "wrong")).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
    let locked = root.issue(attempt("alice", "alice-password")).await;
    assert_eq!(cause(locked).as_deref(), Some("failed_logins"));

    let own = shop.issue(client_credentials()).await.expect("a token");
    for (token, expected) in
        [("jrt_garbage".to_owned(), "garbage"), (own.access_token.clone(), "wrong_kind")]
    {
        assert_eq!(cause(root.refresh(&token).await).as_deref(), Some(expected));
        assert_eq!(cause(shop.refresh(&token).await), None);
    }
    assert_eq!(cause(root.revoke(&own.access_token).await).as_deref(), Some("wrong_client"));
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_is_told_the_cause_over_http_and_nobody_else_is() {
    let server = Server::start(&with_admin()).await;
    let login = async |client: &str| {
        let secret = format!("{client}-secret");
        let client = [("client_id", client), ("client_secret", &*secret)];
        let user = [("username", "alice"), ("password", "wrong")];
        let form = [&[("grant_type", "password")][..], &client, &user].concat();
        post(&server, "/oauth/token", &form).await.1
    };
    let told = login("root").await;
    assert_eq!(
        (&told["error"], &told["cause"]),
        (&"invalid_grant".into(), &"wrong_password".into())
    );
    let told = login("shop").await;
    assert_eq!((&told["error"], &told["cause"]), (&"invalid_grant".into(), &Value::Null));
    server.stop().await;
}

fn audited_to(path: &Path) -> Settings {
    with_admin().set("audit", "target", &format!("file:{}", path.display()))
}

#[tokio::test]
async fn the_audit_has_the_cause_of_each_refusal_and_the_subject_where_it_is_known() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = audited_to(&path)
        .declare("bob", "disabled", "true")
        .declare("rival", "disabled", "true")
        .set("tokens", "retry_window", "0s");
    let server = Server::start_at(home, &settings).await;
    let (shop, billing) = (server.caller("shop").await, server.caller("billing").await);
    let mut expected = Vec::new();
    let mut refused = |cause: &'static str, outcome: Result<(), Status>| {
        assert!(outcome.is_err(), "{cause}");
        expected.push(cause);
    };
    refused("wrong_password", shop.issue(attempt("alice", "wrong")).await.map(drop));
    refused("unknown_user", shop.issue(attempt("nobody", "wrong")).await.map(drop));
    refused("disabled_user", shop.issue(attempt("bob", "bob-password")).await.map(drop));
    let wrong = Caller { secret: "not the secret".to_owned(), ..shop.clone() };
    refused("wrong_secret", wrong.issue(client_credentials()).await.map(drop));
    let rival = server.caller("rival").await;
    refused("disabled_client", rival.issue(client_credentials()).await.map(drop));
    let unknown = Caller { id: "nobody".to_owned(), ..shop.clone() };
    refused("unknown_client", unknown.issue(client_credentials()).await.map(drop));
    let nameless = Caller { secret: String::new(), ..shop.clone() };
    refused("missing_secret", nameless.issue(client_credentials()).await.map(drop));

    refused("garbage", shop.refresh("jrt_garbage").await.map(drop));
    let first = shop.log_in().await;
    refused("wrong_client", billing.refresh(&first.refresh_token).await.map(drop));
    refused("wrong_kind", shop.refresh(&first.access_token).await.map(drop));
    let forged = forged(&first.refresh_token);
    refused("forged", shop.refresh(&forged).await.map(drop));
    shop.refresh(&first.refresh_token).await.expect("a pair");
    refused("replayed", shop.refresh(&first.refresh_token).await.map(drop));
    refused("replayed", shop.refresh(&first.refresh_token).await.map(drop));
    let second = shop.log_in().await;
    shop.revoke(&second.access_token).await.expect("revoked");
    refused("revoked", shop.refresh(&second.refresh_token).await.map(drop));
    let third = shop.log_in().await;
    let admin = Admin::of(&server).await;
    let user_id = admin.user_id("alice").await;
    let request = SetUserPasswordRequest {
        user_id: user_id.clone(),
        password: PASSWORD.to_owned(),
        keep_grants: false,
    };
    admin.stub.clone().set_user_password(admin.signed(request)).await.expect("set");
    refused("user_ended", shop.refresh(&third.refresh_token).await.map(drop));
    let _home = server.stop().await;

    let text = fs::read_to_string(&path).expect("the audit");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let causes: Vec<_> = lines.iter().filter_map(|line| line["cause"].as_str()).collect();
    assert_eq!(causes, expected, "{text}");
    let subjects: BTreeMap<_, _> =
        lines.iter().map(|line| (line["cause"].as_str(), &line["subject"])).collect();
    for cause in ["wrong_password", "wrong_client", "replayed", "revoked", "user_ended"] {
        assert_eq!(subjects[&Some(cause)], user_id.as_str(), "{cause}: {text}");
    }
    assert_eq!(subjects[&Some("unknown_user")], &Value::Null);
}

/// A token of the same form and grant with another secret.
fn forged(token: &str) -> String {
    let last = if token.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &token[..token.len() - 1])
}

async fn explain(admin: &Admin, what: What) -> ExplainTokenResponse {
    let request = ExplainTokenRequest { what: Some(what) };
    let answer = admin.stub.clone().explain_token(admin.signed(request)).await;
    answer.expect("an explanation").into_inner()
}

#[tokio::test]
async fn the_story_of_a_token_says_whose_it_is_and_what_has_become_of_it() {
    let server = Server::start(&with_admin()).await;
    let (shop, admin) = (server.caller("shop").await, Admin::of(&server).await);
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");

    let good = explain(&admin, What::Token(second.access_token.clone())).await;
    assert!(good.active && good.cause.is_empty(), "{good:?}");
    assert_eq!((good.username.as_str(), good.end_cause.as_str()), ("alice", ""));
    let token = good.token.clone().expect("the token");
    assert_eq!((token.kind(), token.generation, token.key_held), (TokenKind::Access, 1, true));
    assert!(token.issue_time.is_some() && token.expire_time.is_some());
    let grant = good.grant.expect("the grant");
    assert_eq!((&grant.grant_id, grant.client_id.as_str()), (&first.grant_id, "shop"));
    assert!(!good.client.expect("the client").epoch_moved);

    let old = explain(&admin, What::Token(first.refresh_token.clone())).await;
    assert_eq!((old.active, old.cause.as_str()), (false, "superseded"));
    // Explaining uses nothing up, and is no replay.
    assert!(shop.is_active(&second.access_token).await);

    let forged = explain(&admin, What::Token(forged(&second.access_token))).await;
    assert_eq!((forged.cause.as_str(), forged.grant), ("forged", None));
    let garbage = explain(&admin, What::Token("Bearer something".to_owned())).await;
    assert_eq!((garbage.cause.as_str(), garbage.token), ("garbage", None));

    let request = RevokeGrantRequest { grant_id: first.grant_id.clone() };
    admin.stub.clone().revoke_grant(admin.signed(request)).await.expect("revoked");
    let ended = explain(&admin, What::GrantId(first.grant_id.clone())).await;
    assert_eq!((ended.cause.as_str(), ended.end_cause.as_str()), ("revoked", "revoked"));
    assert!(ended.grant.expect("the grant").end_time.is_some());

    let third = shop.log_in().await;
    let user_id = admin.user_id("alice").await;
    let request = DisableUserRequest { user_id };
    admin.stub.clone().disable_user(admin.signed(request)).await.expect("disabled");
    let dead = explain(&admin, What::Token(third.access_token)).await;
    assert_eq!(dead.cause, "disabled_user");
    let user = dead.user.expect("the user");
    assert!(user.exists && user.disabled && user.epoch_moved, "{user:?}");
    server.stop().await;
}
