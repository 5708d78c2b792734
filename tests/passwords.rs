//! What was hashed at another cost than the settings' is hashed anew when it is next shown, without
//! ending anything; and who guesses at one client's secret keeps nobody else out.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tonic::Code;

use crate::common::{
    caller::{Caller, client_credentials},
    home::Home,
    refusal::{assert_refused, error_info},
    server::Server,
    settings::Settings,
    wait::until,
};

/// Whether the disk holds a hash of that cost.
fn holds_hash(home: &Home, cost: &str) -> bool {
    home.at_rest().values().any(|bytes| String::from_utf8_lossy(bytes).contains(cost))
}

/// Starts a server that nobody is declared to any more, with another cost.
async fn restart(home: Home, memory: &str) -> Server {
    let mut settings = Settings::standard().set("passwords", "memory", memory);
    for name in ["shop", "rival", "app", "kiosk", "billing", "gateway", "alice", "bob"] {
        settings = settings.without(name);
    }
    Server::start_at(home, &settings).await
}

#[tokio::test]
async fn a_password_is_hashed_anew_at_the_settings_cost_and_no_grant_ends() {
    let server = Server::start(&Settings::standard()).await;
    let first = server.caller("app").await.log_in().await;
    let server = restart(server.stop().await, "16KiB").await;
    let app = server.caller("app").await;
    assert!(!holds_hash(server.home(), "m=16,t=1"));
    app.issue(common::caller::by_password("bob")).await.expect("a grant");
    until("the new hash", async || holds_hash(server.home(), "m=16,t=1")).await;
    app.log_in().await;
    app.refresh(&first.refresh_token).await.expect("the grant goes on");
    // The new hash is the password's.
    let server = restart(server.stop().await, "16KiB").await;
    server.caller("app").await.log_in().await;
    server.caller("app").await.issue(common::caller::by_password("bob")).await.expect("a grant");
    server.stop().await;
}

#[tokio::test]
async fn a_chosen_client_secret_is_hashed_anew_and_no_grant_ends() {
    let server = Server::start(&Settings::standard()).await;
    let issued = server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let server = restart(server.stop().await, "24KiB").await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&issued.access_token).await);
    until("the new hash", async || holds_hash(server.home(), "m=24,t=1")).await;
    let server = restart(server.stop().await, "24KiB").await;
    let shop = server.caller("shop").await;
    assert!(shop.is_active(&issued.access_token).await);
    let stranger = Caller { secret: "a wrong guess".to_owned(), ..shop };
    let refused = stranger.issue(client_credentials()).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_one_clients_secret_keep_no_user_of_another_client_out() {
    // Some 25 ms a hash on one thread: the guesses alone are seconds of work.
    let settings = Settings::standard().set("passwords", "memory", "16MiB").hash_threads(1);
    let server = Server::start(&settings).await;
    let rival = server.caller("rival").await;
    rival.log_in().await;
    let stranger = Caller { secret: "a wrong guess".to_owned(), ..server.caller("shop").await };
    let unknown = Caller { id: "nobody".to_owned(), ..stranger.clone() };
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let caller = if number % 2 == 0 { stranger.clone() } else { unknown.clone() };
        guesses.spawn(async move { caller.issue(client_credentials()).await });
    }
    let answered = AtomicUsize::new(0);
    let mut reasons = Vec::new();
    let logins = async {
        for _ in 0..10 {
            rival.log_in().await;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    let guessing = async {
        while let Some(answer) = guesses.join_next().await {
            let refused = answer.expect("no panic").expect_err("a wrong guess");
            reasons.push(error_info(&refused).reason);
        }
    };
    tokio::join!(logins, guessing);
    assert_eq!(answered.load(Ordering::Relaxed), 10);
    assert!(reasons.iter().any(|reason| reason == "INVALID_CLIENT"));
    assert!(reasons.iter().any(|reason| reason == "OVERLOADED"));
    assert!(reasons.iter().all(|reason| reason == "INVALID_CLIENT" || reason == "OVERLOADED"));
    server.stop().await;
}
