//! Everything that is issued, refreshed, revoked, refused or reused is in the audit, with who and what,
//! and nothing in it is a secret.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use jeton::proto::v1::{
    IssueTokenRequest, PasswordGrant, RevokeTokenRequest, issue_token_request::Grant,
};
use serde_json::Value;
use tonic::transport::Endpoint;

use crate::common::{
    admin::{Admin, PASSWORD, with_admin},
    caller::{Caller, by_password, client_credentials},
    home::Home,
    ops::Ops,
    server::Server,
    settings::Settings,
};

fn audited_to(path: &Path) -> Settings {
    Settings::standard().set("audit", "target", &format!("file:{}", path.display()))
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the audit");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Event, outcome, reason and client of each line.
fn stories(lines: &[Value]) -> Vec<[&str; 4]> {
    const FIELDS: [&str; 4] = ["event", "outcome", "reason", "client_id"];
    lines.iter().map(|line| FIELDS.map(|field| line[field].as_str().unwrap_or("-"))).collect()
}

fn log_in_as(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

#[tokio::test]
async fn each_deed_and_each_refusal_is_one_line_with_who_and_what() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let server = Server::start_at(home, &audited_to(&path)).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let mut secrets: Vec<String> =
        ["shop-secret", "rival-secret", "alice-password"].map(Into::into).into();

    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    shop.refresh(&first.refresh_token).await.expect("the same pair");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    shop.is_active(&third.access_token).await;
    rival.refresh(&third.refresh_token).await.expect_err("another client's");
    shop.refresh(&first.refresh_token).await.expect_err("a replay");
    let own = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&own.access_token).await.expect("revoked");
    shop.revoke_as("jat_garbage-token", RevokeTokenRequest::default()).await.expect("nothing");
    shop.issue(log_in_as("alice", "a-wrong-password")).await.expect_err("wrong");
    shop.issue(log_in_as("typed-in-the-name", "wrong")).await.expect_err("nobody");
    let stranger = Caller { secret: "a-wrong-secret".to_owned(), ..shop.clone() };
    stranger.issue(client_credentials()).await.expect_err("a wrong secret");
    let nobody = Caller { id: "typed-in-the-id".to_owned(), ..shop.clone() };
    nobody.introspect_all(&[]).await.expect_err("nobody");
    let _home = server.stop().await;

    let lines = read(&path);
    assert_eq!(
        stories(&lines),
        [
            ["issue", "done", "-", "shop"],
            ["refresh", "done", "-", "shop"],
            ["refresh", "repeated", "-", "shop"],
            ["refresh", "done", "-", "shop"],
            ["refresh", "refused", "INVALID_GRANT", "rival"],
            ["refresh", "replayed", "-", "shop"],
            ["issue", "done", "-", "shop"],
            ["revoke", "done", "-", "shop"],
            ["revoke", "nothing", "-", "shop"],
            ["issue", "refused", "INVALID_GRANT", "shop"],
            ["issue", "refused", "INVALID_GRANT", "shop"],
            ["authenticate", "refused", "INVALID_CLIENT", "shop"],
            ["authenticate", "refused", "INVALID_CLIENT", "-"],
        ]
    );
    for line in &lines {
        assert_eq!(line["peer"], "127.0.0.1", "{line}");
        assert_eq!(line["target"], "jeton::audit", "{line}");
        assert!(line["timestamp"].is_string(), "{line}");
    }
    assert!(lines[0]["span"]["request_id"].is_string(), "{}", lines[0]);
    for line in &lines[..6] {
        assert_eq!(line["grant_id"], first.grant_id.as_str(), "{line}");
    }
    let alice = lines[0]["subject"].as_str().expect("a subject");
    assert!(alice.starts_with("usr_"));
    for at in [1, 2, 3, 5, 9] {
        assert_eq!(lines[at]["subject"], alice, "{}", lines[at]);
    }
    assert_eq!(lines[6]["subject"], "shop");
    assert_eq!(lines[7]["grant_id"], own.grant_id.as_str());
    assert_eq!(lines[10]["subject"], Value::Null);

    let answers = [&first.access_token, &first.refresh_token, &second.access_token];
    secrets.extend(answers.map(ToString::to_string));
    secrets.extend([second.refresh_token, third.access_token, third.refresh_token]);
    secrets.extend([own.access_token, "jat_garbage-token".into(), "a-wrong-password".into()]);
    let typed = ["typed-in-the-name", "a-wrong-secret", "typed-in-the-id"];
    secrets.extend(typed.map(Into::into));
    let text = fs::read_to_string(&path).expect("the audit");
    for secret in &secrets {
        // Half of a token names its grant, which is no secret; a bit more does not.
        let most = secret.len().min(40);
        let shown = text.contains(&secret[..most]) || text.contains(&secret[secret.len() - most..]);
        assert!(!shown, "{secret}");
    }
}

#[tokio::test]
async fn what_administrators_change_is_told_and_who_is_none_and_tries() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = with_admin().set("audit", "target", &format!("file:{}", path.display()));
    let server = Server::start_at(home, &settings).await;
    let root = Admin::of(&server).await;
    let carol = root.create_user("carol").await.expect("a user");
    root.set_disabled("kiosk", true).await;
    let shop = Admin { id: "shop".into(), secret: "shop-secret".into(), ..root.clone() };
    shop.create_user("mallory").await.expect_err("shop is no administrator");
    let wrong = Admin { secret: "a-wrong-secret".into(), ..root };
    wrong.create_user("mallory").await.expect_err("a wrong secret");
    let _home = server.stop().await;

    let lines = read(&path);
    assert_eq!(
        stories(&lines),
        [
            ["admin", "done", "-", "root"],
            ["admin", "done", "-", "root"],
            ["admin", "refused", "ACCESS_DENIED", "shop"],
            ["authenticate", "refused", "INVALID_CLIENT", "root"],
        ]
    );
    assert_eq!(
        (&lines[0]["action"], &lines[0]["record"]),
        (&"create user".into(), &carol.user_id.into())
    );
    assert_eq!(
        (&lines[1]["action"], &lines[1]["record"]),
        (&"update client".into(), &"kiosk".into())
    );
    let text = fs::read_to_string(&path).expect("the audit");
    for (line, secret) in
        lines.iter().zip([PASSWORD, "root-secret", "shop-secret", "a-wrong-secret"])
    {
        assert_eq!(line["peer"], "127.0.0.1", "{line}");
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_audits_file_is_its_owners_goes_on_after_a_restart_and_can_be_moved_away() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let settings = audited_to(&path);
    let server = Server::start_at(home, &settings).await;
    server.caller("app").await.log_in().await;
    let server = Server::start_at(server.stop().await, &settings).await;
    let app = server.caller("app").await;
    app.log_in().await;
    let moved: PathBuf = path.with_extension("1");
    common::wait::until("the line", async || read(&path).len() == 2).await;
    let mode = fs::metadata(&path).expect("the audit").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::rename(&path, &moved).expect("moved away");
    app.issue(by_password("bob")).await.expect("a grant");
    let _home = server.stop().await;
    assert_eq!((read(&moved).len(), read(&path).len()), (2, 1));
}

#[tokio::test]
async fn by_default_the_audit_is_in_the_log_even_where_the_filter_lets_nothing_else_pass() {
    // The addresses of the listeners must be logged.
    let nothing_else = "off,jeton::app=info";
    for (target, filter, expected) in
        [("log", "info", 1), ("log", nothing_else, 1), ("off", "trace", 0), ("stdout", "trace", 0)]
    {
        let settings = match target {
            "log" => Settings::standard(),
            _ => Settings::standard().set("audit", "target", target),
        };
        let environment = [("JETON_LOG", filter)];
        let server = Server::start_with(Home::new(), &settings, &environment).await;
        server.caller("app").await.log_in().await;
        server.terminate();
        let (_, log) = server.ended().await;
        let lines = log.lines().filter(|line| line.contains("\"jeton::audit\""));
        assert_eq!(lines.count(), expected, "{target:?} {filter}");
    }
}

#[tokio::test]
async fn an_audit_file_that_cannot_be_opened_keeps_the_server_from_starting() {
    let home = Home::new();
    let said = Server::fail_to_start(&home, &audited_to(Path::new("/nowhere/audit.jsonl"))).await;
    assert!(said.contains("the audit file /nowhere/audit.jsonl"), "{said}");
}

/// Every write to it fails for want of space.
#[tokio::test]
async fn a_full_disk_under_the_audit_stops_nothing_and_is_told() {
    let server = Server::start(&audited_to(Path::new("/dev/full"))).await;
    let app = server.caller("app").await;
    for _ in 0..3 {
        app.log_in().await;
    }
    server.terminate();
    let (_, log) = server.ended().await;
    assert_eq!(log.matches("audit lines cannot be written and are lost").count(), 1, "{log}");
}

#[tokio::test]
async fn a_listener_for_both_families_shows_each_peer_by_its_own_and_itself_by_name() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let environment = [
        ("JETON_GRPC_LISTEN", "[::]:0"),
        ("JETON_HTTP_LISTEN", "[::]:0"),
        ("JETON_ALLOW_PLAINTEXT", "true"),
    ];
    let server = Server::start_with(home, &audited_to(&path), &environment).await;
    let port = |address: &str| address.rsplit_once(':').expect("a port").1.to_owned();
    let grpc = port(server.address());
    for address in ["127.0.0.1", "[::1]"] {
        let endpoint = Endpoint::from_shared(format!("http://{address}:{grpc}")).expect("a URL");
        let channel = endpoint.connect().await.expect("a connection");
        Caller::new(channel, "shop").issue(client_credentials()).await.expect("a token");
    }
    let http = Ops { address: format!("127.0.0.1:{}", port(&server.http_address())) };
    let (_, metadata) = http.get("/.well-known/oauth-authorization-server").await;
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let issuer = metadata["issuer"].as_str().expect("an issuer");
    let name = issuer.strip_prefix("http://").and_then(|rest| rest.rsplit_once(':'));
    let (name, _) = name.expect("a name and a port");
    assert!(!name.is_empty() && name.parse::<std::net::IpAddr>().is_err(), "{issuer}");
    assert!(!name.contains(':'), "{issuer}");
    let _home = server.stop().await;
    let peers: Vec<_> = read(&path).iter().map(|line| line["peer"].clone()).collect();
    assert_eq!(peers, ["127.0.0.1", "::1"]);
}
