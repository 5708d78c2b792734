//! A call that loses its caller after it has begun to write is audited and counted as if somebody had
//! waited for it.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use jeton::proto::v1::{
    DisableUserRequest, IssueTokenRequest, ListUsersRequest, PasswordGrant,
    issue_token_request::Grant,
};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::Code;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, by_password, client_credentials},
    home::Home,
    server::Server,
    settings::Settings,
    wait::until,
};

/// Users who are disabled by calls that are cancelled.
const USERS: usize = 100;

fn audited_to(settings: Settings, path: &Path) -> Settings {
    settings.set("audit", "target", &format!("file:{}", path.display()))
}

/// The audit lines of one event and outcome.
fn lines(path: &Path, event: &str, outcome: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the audit");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    lines.filter(|line: &Value| line["event"] == event && line["outcome"] == outcome).collect()
}

async fn disabled(root: &Admin) -> Vec<String> {
    let request = ListUsersRequest { disabled_only: true, page_size: 1_000, ..Default::default() };
    let answer = root.stub.clone().list_users(root.signed(request)).await.expect("users");
    answer.into_inner().users.into_iter().map(|user| user.user_id).collect()
}

#[tokio::test]
async fn whoever_was_disabled_by_a_cancelled_call_is_in_the_audit() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let server = Server::start_at(home, &audited_to(with_admin(), &path)).await;
    let root = Admin::of(&server).await;
    let mut users = Vec::new();
    for number in 0..USERS {
        users.push(root.create_user(&format!("user{number}")).await.expect("a user").user_id);
    }
    // Each gives up at another moment of its way; the last ones are answered.
    let calls = users.iter().enumerate().map(|(number, user_id)| {
        let (root, user_id) = (root.clone(), user_id.clone());
        async move {
            let request = root.signed(DisableUserRequest { user_id });
            let patience = Duration::from_micros(number as u64 * 100);
            timeout(patience, root.stub.clone().disable_user(request)).await.is_err()
        }
    });
    let cancelled = join_all(calls).await.into_iter().filter(|cancelled| *cancelled).count();
    assert!(cancelled > 0, "no call was cancelled");
    server.terminate();
    let home = server.ended().await.0;

    let server = Server::start_at(home, &audited_to(with_admin(), &path)).await;
    let disabled = disabled(&Admin::of(&server).await).await;
    let told = lines(&path, "admin", "done");
    let told: Vec<_> = told.iter().filter(|line| line["action"] == "disable user").collect();
    for user in &disabled {
        let line = told.iter().find(|line| line["record"] == user.as_str());
        let line = line.unwrap_or_else(|| panic!("{user} was disabled by nobody"));
        assert!(line["span"]["request_id"].is_string(), "{line}");
    }
    assert_eq!(told.len(), disabled.len());
    server.stop().await;
}

fn wrong_password() -> IssueTokenRequest {
    let grant = PasswordGrant { username: "alice".to_owned(), password: "wrong".to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

/// The same over HTTP, with a connection that is closed before the answer.
async fn wrong_password_over_http(server: &Server) {
    let body = "grant_type=password&client_id=shop&client_secret=shop-secret&username=alice\
                &password=wrong";
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: jeton\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.http_address()).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    sleep(Duration::from_millis(3)).await;
}

/// A hash that takes some milliseconds: time to go away in.
fn slow_hashes() -> Settings {
    let settings = Settings::standard().set("passwords", "memory", "16MiB");
    let settings = settings.set("passwords", "max_wait", "750ms");
    settings.hash_threads(1).set_number("passwords", "iterations", 1)
}

#[tokio::test]
async fn whoever_is_locked_out_by_cancelled_logins_finds_each_in_the_audit() {
    for over_http in [false, true] {
        let home = Home::new();
        let path = home.path().join("audit.jsonl");
        let server = Server::start_at(home, &audited_to(slow_hashes(), &path)).await;
        let shop = server.caller("shop").await;
        until("alice to be locked out", async || {
            for _ in 0..20 {
                if over_http {
                    wrong_password_over_http(&server).await;
                } else {
                    let call = timeout(Duration::from_millis(3), shop.issue(wrong_password()));
                    drop(call.await);
                }
            }
            // A failure among those who wait behind her, if she is not: no success that forgets them.
            let last = shop.issue(wrong_password()).await.expect_err("wrong");
            last.code() == Code::ResourceExhausted
        })
        .await;
        let locked_out = shop.issue(by_password("alice")).await.expect_err("locked out");
        assert_eq!(locked_out.code(), Code::ResourceExhausted);
        let _home = server.stop().await;
        let refused = lines(&path, "issue", "refused");
        let failures = refused.iter().filter(|line| line["reason"] == "INVALID_GRANT").count();
        assert_eq!(failures, 5, "over HTTP: {over_http}");
    }
}

#[tokio::test]
async fn guesses_at_a_clients_secret_whose_caller_goes_away_are_audited_and_slowed_down() {
    let home = Home::new();
    let path = home.path().join("audit.jsonl");
    let server = Server::start_at(home, &audited_to(slow_hashes(), &path)).await;
    let shop = server.caller("shop").await;
    let audited = || {
        let refused = lines(&path, "authenticate", "refused");
        refused.iter().filter(|line| line["reason"] == "INVALID_CLIENT").count()
    };
    let count = AtomicUsize::new(0);
    until("ten guesses to be counted that nobody waited for", async || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let guesser = Caller { secret: format!("a wrong guess {number}"), ..shop.clone() };
        drop(timeout(Duration::from_millis(3), guesser.issue(client_credentials())).await);
        audited() >= 10
    })
    .await;
    // The free ones are spent: a guess that is waited for comes after a pause, or is refused for it.
    until("to be slowed down", async || {
        let together = (0..8).map(|number| {
            let guesser = Caller { secret: format!("another guess {number}"), ..shop.clone() };
            async move { guesser.issue(client_credentials()).await }
        });
        let answers = join_all(together).await;
        answers
            .into_iter()
            .any(|answer| answer.expect_err("a wrong guess").code() == Code::ResourceExhausted)
    })
    .await;
    server.stop().await;
}
