//! A refusal that may pass names the time to retry, and a failure is never given as an answer.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use jeton::proto::v1::{
    IssueTokenRequest, IssueTokenResponse, PasswordGrant, issue_token_request::Grant,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::common::{
    caller::{Caller, by_password},
    home::Home,
    refusal::{assert_refused, error_info},
    server::Server,
    settings::{Settings, Table},
};

/// Both gRPC's own clients and those who read details learn how long to wait.
fn assert_says_when(status: &Status) {
    let pause = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    let pause = pause.expect("RetryInfo says how long to wait");
    assert!(!pause.is_zero());
    let pushback = status.metadata().get("grpc-retry-pushback-ms").expect("pushback");
    assert_eq!(pushback.to_str().ok(), Some(pause.as_millis().to_string().as_str()));
}

/// One thread that hashes, slowly enough for others to wait in vain.
fn stormy() -> Settings {
    Settings::standard()
        .set("passwords", "memory", "32MiB")
        .set("passwords", "max_wait", "750ms")
        .hash_threads(1)
}

/// The same request many times at once.
async fn storm(
    caller: &Caller,
    request: &IssueTokenRequest,
) -> Vec<Result<IssueTokenResponse, Status>> {
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (caller, request) = (caller.clone(), request.clone());
        calls.spawn(async move { caller.issue(request).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_storm_is_turned_away_with_a_pause_while_introspection_goes_on() {
    let server = Server::start(&stormy()).await;
    let (shop, others) = (server.caller("shop").await, server.caller("shop").await);
    let token = shop.log_in().await.access_token;
    let request = by_password("alice");
    let (answers, active) = tokio::join!(storm(&others, &request), shop.is_active(&token));
    assert!(active);
    let refused: Vec<_> = answers.into_iter().filter(Result::is_err).collect();
    assert!(!refused.is_empty(), "a thread was always free");
    for outcome in refused {
        assert_says_when(&assert_refused(outcome, Code::ResourceExhausted, "OVERLOADED"));
    }
    shop.log_in().await;
    server.stop().await;
}

/// The files of a ring that hold keys.
fn keys(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.keys()).expect("the key ring");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "key")).collect()
}

fn copy_into(ring: &Home, file: &Path) {
    // Keeps the mode, without which the key would be refused.
    fs::copy(file, ring.keys().join(file.file_name().expect("a name"))).expect("a copy");
}

#[tokio::test]
async fn a_token_whose_key_is_missing_from_the_ring_is_unavailable_and_never_garbage() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let first = server.caller("shop").await.log_in().await;
    let home = server.stop().await;

    // The next key, as a rotation would distribute and then activate it.
    let other = Server::start(&settings).await.stop().await;
    let old_key = keys(&home).pop().expect("a key");
    copy_into(&home, &keys(&other)[0]);
    fs::copy(other.keys().join("active"), home.keys().join("active")).expect("activated");
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&first.access_token).await);
    let home = server.stop().await;

    let taken = fs::read(&old_key).expect("the old key");
    fs::remove_file(&old_key).expect("the old key is gone");
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    for refused in [
        shop.refresh(&first.refresh_token).await.map(drop),
        shop.revoke(&first.refresh_token).await,
        shop.introspect_all(&[&first.access_token]).await.map(drop),
    ] {
        let status = assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
        assert_says_when(&status);
    }
    let newer = shop.log_in().await;
    assert!(shop.is_active(&newer.access_token).await);
    let home = server.stop().await;

    // Nothing was decided meanwhile: the key comes back, and with it the token.
    fs::write(&old_key, taken).expect("the old key");
    set_owner_only(&old_key);
    let server = Server::start_at(home, &settings).await;
    let shop = server.caller("shop").await;
    shop.refresh(&first.refresh_token).await.expect("it was never garbage");
    server.stop().await;
}

fn set_owner_only(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("chmod 600");
}

/// A login that takes no hash keeps no thread busy: as many unknown names as wrong passwords are
/// turned away.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_costs_a_hash_like_a_wrong_password() {
    const NAMES: usize = 25;
    // Fewer than lock a name out.
    const GUESSES: usize = 4;
    let mut settings = stormy();
    for number in 0..NAMES {
        settings = settings.and(Table::user(format!("known-{number}").leak()));
    }
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    shop.log_in().await;
    for kind in ["known", "unknown"] {
        let mut guesses = JoinSet::new();
        for number in 0..NAMES * GUESSES {
            let username = format!("{kind}-{}", number % NAMES);
            let grant = PasswordGrant { username, password: "wrong".to_owned() };
            let grant = Some(Grant::Password(grant));
            let request = IssueTokenRequest { grant, ..Default::default() };
            let shop = shop.clone();
            guesses.spawn(async move { shop.issue(request).await });
        }
        let answers = guesses.join_all().await;
        let reason = |answer: &Result<_, Status>| {
            error_info(answer.as_ref().expect_err("a wrong guess")).reason
        };
        let turned_away = answers.iter().filter(|answer| reason(answer) == "OVERLOADED");
        assert!(turned_away.count() > 0, "{kind}: a thread was always free");
        let looked_at = answers.iter().filter(|answer| reason(answer) == "INVALID_GRANT");
        assert!(looked_at.count() > 0, "{kind}: nothing was looked at");
    }
    server.stop().await;
}
