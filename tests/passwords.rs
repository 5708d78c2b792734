//! A password that was hashed at another cost than the settings' is hashed again when it is next
//! shown, without ending anything; and who guesses at one client's secret keeps nobody else out.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use jeton::proto::v1::{
    IssueTokenRequest, PasswordGrant, SetUserPasswordRequest, issue_token_request::Grant,
};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, client_credentials},
    home::Home,
    refusal::{assert_refused, error_info},
    server::Server,
    settings::Settings,
    wait::until,
};

/// Returns whether the disk holds a hash of that cost.
fn holds_hash(home: &Home, cost: &str) -> bool {
    home.at_rest().values().any(|bytes| String::from_utf8_lossy(bytes).contains(cost))
}

/// Starts a server that nobody is declared to any more, with another cost, and that keeps them.
async fn restart(home: Home, memory: &str) -> Server {
    let settings = Settings::standard().set("passwords", "memory", memory);
    let mut settings = settings.set("serve", "undeclared", "keep");
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
    let settings = Settings::standard()
        .set("passwords", "memory", "16MiB")
        .set("passwords", "max_wait", "750ms")
        .hash_threads(1);
    let server = Server::start(&settings).await;
    let rival = server.caller("rival").await;
    rival.log_in().await;
    let stranger = Caller { secret: "a wrong guess".to_owned(), ..server.caller("shop").await };
    let unknown = Caller { id: "nobody".to_owned(), ..stranger.clone() };
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let known = number % 2 == 0;
        // Half of them with one and the same secret.
        let secret = format!("a wrong guess {}", if number % 4 < 2 { number } else { 0 });
        let caller = if known { stranger.clone() } else { unknown.clone() };
        let caller = Caller { secret, ..caller };
        guesses.spawn(async move { (known, caller.issue(client_credentials()).await) });
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
            let (known, answer) = answer.expect("no panic");
            let refused = answer.expect_err("a wrong guess");
            reasons.push((known, error_info(&refused).reason));
        }
    };
    tokio::join!(logins, guessing);
    assert_eq!(answered.load(Ordering::Relaxed), 10);
    for known in [true, false] {
        // Guesses that are checked, and guesses that come too fast.
        for expected in [&["INVALID_CLIENT"][..], &["RATE_LIMITED", "OVERLOADED"]] {
            let told =
                |(of, reason): &(bool, String)| *of == known && expected.contains(&reason.as_str());
            assert!(reasons.iter().any(told), "{known} {expected:?}: {reasons:?}");
        }
    }
    let expected = ["INVALID_CLIENT", "RATE_LIMITED", "OVERLOADED"];
    assert!(reasons.iter().all(|(_, reason)| expected.contains(&reason.as_str())), "{reasons:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_password_that_is_set_is_long_uncommon_and_the_same_in_every_unicode_form() {
    let server = Server::start(&with_admin()).await;
    let root = Admin::of(&server).await;
    let set = async |password: &str| {
        let user_id = root.user_id("alice").await;
        let request = SetUserPasswordRequest {
            user_id,
            password: password.to_owned(),
            ..SetUserPasswordRequest::default()
        };
        root.stub.clone().set_user_password(root.signed(request)).await
    };
    for weak in
        ["kx7vqzmw2nfd9t", "iloveyouiloveyou", "alice.alice.alice.1", &"kx7vqzmw ".repeat(120)]
    {
        let status = assert_refused(set(weak).await, Code::InvalidArgument, "INVALID_REQUEST");
        let details = status.get_details_bad_request().expect("BadRequest");
        assert_eq!(details.field_violations[0].field, "password");
        assert!(!format!("{status:?}").contains(&weak[..8]), "{weak}");
    }
    let (composed, decomposed) =
        ("zürich blüht im märz", "zu\u{308}rich blu\u{308}ht im ma\u{308}rz");
    for (given, typed) in [(composed, decomposed), (decomposed, composed)] {
        set(given).await.expect("a good password");
        let grant = PasswordGrant { username: "alice".to_owned(), password: typed.to_owned() };
        let grant = Some(Grant::Password(grant));
        let request = IssueTokenRequest { grant, ..IssueTokenRequest::default() };
        server.caller("app").await.issue(request).await.expect("the same password");
    }
    server.stop().await;
}
