//! A client that takes any part of a shared resource leaves the others a share.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{IssueTokenRequest, PasswordGrant, issue_token_request::Grant};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tonic_types::StatusExt as _;

use crate::common::{
    caller::{Caller, by_password, client_credentials},
    refusal::error_info,
    server::Server,
    settings::Settings,
};

/// Calls of a flood that are under way at any time: more than one client may have wait for a thread
/// to hash on, and more than one thread hashes within the time that a call waits for it.
const FLOOD: usize = 400;

/// Some 6 ms a hash, on one thread: on a machine that is many times slower, a call that waits for no
/// more than a turn still has it in time.
fn slow_hashes() -> Settings {
    Settings::standard()
        .set("passwords", "memory", "4MiB")
        .set("passwords", "max_wait", "750ms")
        .hash_threads(1)
}

/// Calls with as many different names as there are calls, from [`FLOOD`] places at once, each of which
/// comes back as soon as it may, until it is dropped. Returns once the flood has been refused
/// because there are too many.
async fn flood(
    server: &Server,
    who: fn(Caller, String) -> (Caller, IssueTokenRequest),
) -> JoinSet<()> {
    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(server.caller("app").await);
    }
    let (told, mut overloaded) = mpsc::channel(1);
    let mut calls = JoinSet::new();
    for place in 0..FLOOD {
        let (caller, told) = (callers[place % callers.len()].clone(), told.clone());
        calls.spawn(async move {
            for number in 0.. {
                let (caller, request) = who(caller.clone(), format!("nobody-{place}-{number}"));
                let refused = caller.issue(request).await.expect_err("nobody");
                if error_info(&refused).reason == "OVERLOADED" {
                    // An error: it was sent before.
                    let _ = told.try_send(());
                    let pause = refused.get_details_retry_info().and_then(|info| info.retry_delay);
                    sleep(pause.expect("RetryInfo")).await;
                }
            }
        });
    }
    overloaded.recv().await.expect("the flood goes on");
    calls
}

/// A user of a public client.
fn made_up_name(app: Caller, username: String) -> (Caller, IssueTokenRequest) {
    let grant = PasswordGrant { username, password: "a wrong guess".to_owned() };
    let grant = Some(Grant::Password(grant));
    (app, IssueTokenRequest { grant, ..IssueTokenRequest::default() })
}

fn made_up_client(app: Caller, id: String) -> (Caller, IssueTokenRequest) {
    (Caller { id, secret: "a wrong guess".to_owned(), ..app }, client_credentials())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_names_costs_no_user_of_another_client_a_login() {
    let server = Server::start(&slow_hashes()).await;
    let rival = server.caller("rival").await;
    rival.log_in().await;
    let flood = flood(&server, made_up_name).await;
    let mut refused = 0;
    for _ in 0..30 {
        refused += u32::from(rival.issue(by_password("alice")).await.is_err());
    }
    // If the whole machine stands still for a moment, a turn comes too late. Without turns it was
    // three of four.
    assert!(refused <= 3, "{refused} of 30 were refused");
    drop(flood);
    server.stop().await;
}

/// Returns the number of clients that are refused, each of which shows its secret for the first
/// time.
async fn refused(callers: impl IntoIterator<Item = Caller>) -> usize {
    let mut refused = 0;
    for caller in callers {
        refused += usize::from(caller.issue(client_credentials()).await.is_err());
    }
    refused
}

/// A client's secret is checked on the same threads.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_names_keeps_no_client_out() {
    let server = Server::start(&slow_hashes()).await;
    let mut clients = Vec::new();
    for id in ["shop", "rival", "billing", "gateway"] {
        clients.push(server.caller(id).await);
    }
    let flood = flood(&server, made_up_name).await;
    assert!(refused(clients).await <= 1);
    drop(flood);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_clients_keeps_nobody_elsewhere_out() {
    let server = Server::start(&slow_hashes()).await;
    let mut clients = Vec::new();
    for id in ["shop", "rival", "billing", "gateway"] {
        clients.push(server.caller_from(2, id).await);
    }
    let flood = flood(&server, made_up_client).await;
    assert!(refused(clients).await <= 1);
    drop(flood);
    server.stop().await;
}
