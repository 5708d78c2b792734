//! Failed logins slow the next ones down, however the name is written, whether or not there is such a
//! user, across restarts, and however many guesses come at once.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::time::Duration;

use jeton::proto::v1::{
    IssueTokenRequest, IssueTokenResponse, PasswordGrant, issue_token_request::Grant,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::common::{
    caller::{Caller, by_password},
    refusal::{assert_refused, error_info},
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

fn attempt(username: &str, password: &str) -> IssueTokenRequest {
    let grant = PasswordGrant { username: username.to_owned(), password: password.to_owned() };
    IssueTokenRequest { grant: Some(Grant::Password(grant)), ..Default::default() }
}

async fn guess(caller: &Caller, username: &str) -> Result<IssueTokenResponse, Status> {
    caller.issue(attempt(username, "a wrong guess")).await
}

async fn fail(caller: &Caller, username: &str, times: usize) {
    for _ in 0..times {
        let refused = guess(caller, username).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
    }
}

/// Insists that an attempt was refused for a while, and returns the time.
#[track_caller]
fn assert_locked<T>(outcome: Result<T, Status>) -> Duration {
    let status = assert_refused(outcome, Code::ResourceExhausted, "RATE_LIMITED");
    assert_eq!(status.message(), "too many attempts");
    let pause = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    let pause = pause.expect("RetryInfo");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").expect("pushback");
    assert_eq!(pushback.to_str().ok(), Some(pause.as_millis().to_string().as_str()));
    pause
}

#[tokio::test]
async fn five_failures_lock_a_name_out_at_that_client_for_a_minute_whatever_the_password() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    fail(&shop, "alice", 5).await;
    for password in ["alice-password", "a wrong guess"] {
        let pause = assert_locked(shop.issue(attempt("alice", password)).await);
        assert!(pause > Duration::from_secs(30) && pause <= Duration::from_secs(60), "{pause:?}");
    }
    shop.issue(by_password("bob")).await.expect("another name");
    rival.issue(by_password("alice")).await.expect("another client");
    server.stop().await;
}

#[tokio::test]
async fn nobodys_name_is_refused_and_locked_out_like_anybodys() {
    let server = Server::start(&Settings::standard().declare("bob", "disabled", "true")).await;
    let shop = server.caller("shop").await;
    // A user, nobody, nobody's possible name, and one who is disabled and gives the right password.
    for (name, password) in
        [("alice", "wrong"), ("nobody", "wrong"), ("no\u{0}name", "wrong"), ("bob", "bob-password")]
    {
        let mut refusals = Vec::new();
        for _ in 0..5 {
            let refused = shop.issue(attempt(name, password)).await;
            let status = assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
            refusals.push((status.message().to_owned(), status.details().to_vec()));
        }
        refusals.dedup();
        assert_eq!(refusals.len(), 1, "{name:?}");
        let pause = assert_locked(shop.issue(attempt(name, password)).await);
        assert!(pause > Duration::from_secs(30) && pause <= Duration::from_secs(60), "{name:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for _ in 0..3 {
        fail(&shop, "alice", 4).await;
        shop.log_in().await;
    }
    fail(&shop, "alice", 5).await;
    assert_locked(shop.issue(by_password("alice")).await);
    server.stop().await;
}

#[tokio::test]
async fn the_wait_passes_and_the_next_failure_doubles_it() {
    let settings = Settings::standard().set("lockout", "first_wait", "1s");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    fail(&shop, "alice", 5).await;
    assert!(assert_locked(guess(&shop, "alice").await) <= Duration::from_secs(1));
    // While it lasts, attempts are not counted.
    until("the wait to pass", async || {
        let status = guess(&shop, "alice").await.expect_err("a wrong guess");
        error_info(&status).reason == "INVALID_GRANT"
    })
    .await;
    let pause = assert_locked(shop.issue(by_password("alice")).await);
    assert!(pause > Duration::from_secs(1) && pause <= Duration::from_secs(2), "{pause:?}");
    until("the wait to pass", async || shop.issue(by_password("alice")).await.is_ok()).await;
    fail(&shop, "alice", 4).await;
    shop.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn what_failed_is_on_the_disk_before_it_is_refused() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    fail(&shop, "alice", 5).await;
    fail(&shop, "nobody", 5).await;
    fail(&shop, "bob", 4).await;
    let server = Server::start_at(server.kill().await, &settings).await;
    let shop = server.caller("shop").await;
    assert_locked(shop.issue(by_password("alice")).await);
    assert_locked(guess(&shop, "nobody").await);
    fail(&shop, "bob", 1).await;
    assert_locked(shop.issue(by_password("bob")).await);
    server.stop().await;
}

#[tokio::test]
async fn every_way_to_write_a_name_counts_as_that_name() {
    let settings = Settings::standard().and(Table::user("zoé"));
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let variants = ["zoé", "ZOÉ", "  zoé\t", "zoe\u{301}", "\u{a0}ZOE\u{301}\u{2003}"];
    for name in variants {
        fail(&shop, name, 1).await;
    }
    for name in variants {
        assert_locked(shop.issue(attempt(name, "zoé-password")).await);
    }
    server.stop().await;
}

/// Returns the address of the HTTP listener, from the log.
async fn http_address(server: &Server) -> String {
    let told = || {
        server.log().lines().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["http"].as_str().map(str::to_owned)
        })
    };
    until("the log to tell the address", async || told().is_some()).await;
    told().expect("an address")
}

/// Posts a form to the token endpoint, byte for byte, and returns status line, headers and body.
async fn post(address: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: jeton\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn every_way_to_encode_a_name_over_http_counts_as_that_name() {
    let settings = Settings::standard().and(Table::user("zoé"));
    let server = Server::start(&settings).await;
    let address = http_address(&server).await;
    let login = |name: &str, password: &str| {
        format!(
            "grant_type=password&client_id=shop&client_secret=shop-secret\
             &username={name}&password={password}"
        )
    };
    let variants =
        ["zo%C3%A9", "%7A%6f%C3%a9", "+ZO%C3%89%20", "zoe%CC%81", "%09Zo%c3%a9%E2%80%83"];
    for name in variants {
        let answer = post(&address, &login(name, "wrong")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(r#""error":"invalid_grant""#), "{answer}");
    }
    for name in variants {
        let answer = post(&address, &login(name, "zo%C3%A9-password")).await;
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        let seconds = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
        let seconds: u64 = seconds.expect("Retry-After").trim().parse().expect("seconds");
        assert!((30..=60).contains(&seconds), "{seconds}");
    }
    // One lockout for both wires.
    assert_locked(server.caller("shop").await.issue(attempt("zoé", "zoé-password")).await);
    server.stop().await;
}

async fn at_once(
    server: &Server,
    request: &IssueTokenRequest,
    times: usize,
) -> Vec<Result<IssueTokenResponse, Status>> {
    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(server.caller("shop").await);
    }
    // The client's own secret is hashed before.
    callers[0].issue(by_password("bob")).await.expect("a grant");
    let mut calls = JoinSet::new();
    for number in 0..times {
        let (caller, request) = (callers[number % callers.len()].clone(), request.clone());
        calls.spawn(async move { caller.issue(request).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_guesses_at_once_no_more_than_five_are_looked_at() {
    let server = Server::start(&Settings::standard()).await;
    for name in ["alice", "nobody"] {
        let answers = at_once(&server, &attempt(name, "wrong"), 500).await;
        let (looked_at, others): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .map(|answer| error_info(&answer.expect_err("a wrong guess")).reason)
            .partition(|reason| reason == "INVALID_GRANT");
        // On a machine that is busy some wait in vain for their turn, which looks at nothing either.
        let refused = |reason: &String| reason == "RATE_LIMITED" || reason == "OVERLOADED";
        assert!(others.iter().all(refused), "{name}: {others:?}");
        let mut looked_at = looked_at.len();
        let caller = server.caller("shop").await;
        loop {
            let refused = caller.issue(attempt(name, "wrong")).await.expect_err("a wrong guess");
            match error_info(&refused).reason.as_str() {
                "RATE_LIMITED" => break,
                "INVALID_GRANT" => looked_at += 1,
                reason => panic!("{reason}"),
            }
        }
        assert_eq!(looked_at, 5, "{name}");
    }
    server.stop().await;
}

/// Logins that wait too long are refused with a time to retry, and retry then.
#[tokio::test(flavor = "multi_thread")]
async fn however_many_come_with_the_right_password_at_once_all_are_let_in() {
    let server = Server::start(&Settings::standard()).await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let app = server.caller("app").await;
        calls.spawn(async move {
            until("to be let in", async || match app.issue(by_password("alice")).await {
                Ok(_) => true,
                Err(status) => {
                    assert_eq!(error_info(&status).reason, "OVERLOADED");
                    false
                }
            })
            .await;
        });
    }
    calls.join_all().await;
    server.stop().await;
}

/// A guesser who hangs up before the answer is a guesser all the same.
#[tokio::test]
async fn a_guess_counts_even_if_nobody_waits_for_its_answer() {
    let settings = Settings::standard().set("passwords", "memory", "128MiB").hash_threads(1);
    let server = Server::start(&settings).await;
    let app = server.caller("app").await;
    let patience = Duration::from_millis(20);
    until("the guesses to be counted", async || {
        let answered = timeout(patience, guess(&app, "alice")).await;
        answered.is_ok_and(|answer| {
            let status = answer.expect_err("a wrong guess");
            error_info(&status).reason == "RATE_LIMITED"
        })
    })
    .await;
    assert_locked(app.issue(by_password("alice")).await);
    server.stop().await;
}
