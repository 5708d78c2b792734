//! A client secret that somebody chose is not guessed: each wrong one costs the same for every
//! number of stored secrets, and after many wrong ones the next ones are checked slowly, the right
//! one too.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{collections::BTreeSet, time::Duration};

use jeton::proto::v1::RotateClientSecretRequest;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::common::{
    admin::{Admin, with_admin},
    caller::{Caller, client_credentials},
    refusal::{assert_refused, error_info},
    server::Server,
    settings::{Settings, Table},
    wait::until,
};

/// Long enough, and in no list.
const CHOSEN: &str = "violet tram 84 under the linden";

fn with_secret(caller: &Caller, secret: &str) -> Caller {
    Caller { secret: secret.to_owned(), ..caller.clone() }
}

async fn hashes(server: &Server) -> u64 {
    server.ops().await.metrics().await.count("jeton_hash_seconds_count")
}

/// A client with two live secrets, one with one, one with a generated and a chosen one, and those
/// that have none to be matched.
async fn every_kind_of_client() -> Server {
    let generated = format!("jcs_{}", "4f".repeat(22));
    let settings = with_admin()
        .and(Table::confidential("robot").text("secret", &generated))
        .and(Table::confidential("closed").toml("disabled", "true"));
    let server = Server::start(&settings).await;
    let admin = Admin::of(&server).await;
    let rotate = async |client_id: &str, client_secret: &str, seconds| {
        let (client_id, client_secret) = (client_id.to_owned(), client_secret.to_owned());
        let previous_ttl = Some(prost_types::Duration { seconds, nanos: 0 });
        let request = RotateClientSecretRequest {
            client_id,
            client_secret,
            previous_ttl,
            ..Default::default()
        };
        admin.rotate(request).await.expect("rotated")
    };
    rotate("shop", CHOSEN, 3_600).await;
    rotate("gateway", CHOSEN, 0).await;
    rotate("rival", "", 3_600).await;
    server
}

#[tokio::test]
async fn a_wrong_secret_costs_two_hashes_whatever_there_is_to_be_matched() {
    let server = every_kind_of_client().await;
    let caller = server.caller("shop").await;
    let mut costs = Vec::new();
    // A new text of the metrics is made for each of the first twenty questions in a row.
    let mut before = hashes(&server).await;
    for id in ["shop", "billing", "gateway", "rival", "robot", "closed", "app", "nobody", "n\u{f6}"]
    {
        let stranger = Caller { id: id.to_owned(), ..with_secret(&caller, "a wrong guess") };
        let refused = stranger.issue(client_credentials()).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        let first = hashes(&server).await;
        // The same secret again is remembered, for every client.
        let refused = stranger.issue(client_credentials()).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
        let again = hashes(&server).await;
        costs.push((id, first - before, again - first));
        before = again;
    }
    assert!(costs.iter().all(|(_, first, again)| (*first, *again) == (2, 0)), "{costs:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_secret_that_was_wrong_is_right_once_it_is_the_clients() {
    let server = Server::start(&with_admin()).await;
    let shop = with_secret(&server.caller("shop").await, CHOSEN);
    let refused = shop.issue(client_credentials()).await;
    assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    let (client_id, client_secret) = ("shop".to_owned(), CHOSEN.to_owned());
    let request = RotateClientSecretRequest { client_id, client_secret, ..Default::default() };
    Admin::of(&server).await.rotate(request).await.expect("rotated");
    shop.issue(client_credentials()).await.expect("a token");
    server.stop().await;
}

/// Guesses until the server looks at no more.
async fn guess_until_slowed(caller: &Caller) -> Duration {
    for number in 0..4 {
        let refused = with_secret(caller, &format!("guess {number}"));
        let refused = refused.issue(client_credentials()).await;
        if number < 3 {
            assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
            continue;
        }
        let status = assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
        let pause = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
        return pause.expect("RetryInfo");
    }
    panic!("all guesses were looked at");
}

/// Three are free, then the pause is longer than a test.
fn strict() -> Settings {
    let settings = with_admin().set_number("secrets", "free_guesses", 3);
    settings.set("secrets", "guess_pause", "1m")
}

#[tokio::test]
async fn guesses_are_slowed_down_for_each_client_and_address_whether_or_not_there_is_such_a_client()
{
    let server = Server::start(&strict()).await;
    // Remembered before.
    let rival = server.caller_from(2, "rival").await;
    rival.issue(client_credentials()).await.expect("a token");
    let mut pauses = BTreeSet::new();
    for id in ["shop", "rival", "nobody"] {
        let guesser = Caller { id: id.to_owned(), ..server.caller_from(2, "shop").await };
        let pause = guess_until_slowed(&guesser).await;
        assert!(pause > Duration::from_secs(30) && pause <= Duration::from_secs(60), "{pause:?}");
        pauses.insert(pause.as_secs() / 30);
        // A secret that was checked before costs nothing and gets the same answer.
        let again = with_secret(&guesser, "guess 0").issue(client_credentials()).await;
        assert_refused(again, Code::Unauthenticated, "INVALID_CLIENT");
    }
    // A right secret that was right here before gets in at once.
    rival.issue(client_credentials()).await.expect("a token at the guesser's address");
    // Any other, from everywhere else.
    let shop = server.caller_from(3, "shop").await;
    shop.issue(client_credentials()).await.expect("a token at another address");
    let throttled = server.ops().await.metrics().await;
    assert_eq!(throttled.count(r#"jeton_throttled_total{limit="client_secrets"}"#), 3);
    server.stop().await;
}

/// If the secret got in at once here, so would a right guess, after any number of wrong ones.
#[tokio::test]
async fn a_secret_that_is_in_use_elsewhere_is_guessed_no_faster_for_it() {
    let server = Server::start(&strict()).await;
    let elsewhere = server.caller_from(3, "shop").await;
    elsewhere.issue(client_credentials()).await.expect("a token");
    let guesser = server.caller_from(2, "shop").await;
    guess_until_slowed(&guesser).await;
    for number in 10..20 {
        let guess = with_secret(&guesser, &format!("guess {number}"));
        let refused = guess.issue(client_credentials()).await;
        assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    }
    // The guess that is right.
    let refused = guesser.issue(client_credentials()).await;
    assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    elsewhere.issue(client_credentials()).await.expect("a token");
    server.stop().await;
}

/// From the very address where somebody guesses without a pause, after a start, when no secret is
/// known.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_secret_gets_in_though_somebody_guesses_at_the_same_address() {
    let settings = with_admin().set_number("secrets", "free_guesses", 1);
    let server = Server::start(&settings.set("secrets", "guess_pause", "100ms")).await;
    let mut guesses = JoinSet::new();
    for place in 0..8 {
        let shop = server.caller("shop").await;
        guesses.spawn(async move {
            for number in 0.. {
                let guess = with_secret(&shop, &format!("guess {place} {number}"));
                let refused = guess.issue(client_credentials()).await.expect_err("a wrong guess");
                let reason = error_info(&refused).reason;
                assert!(matches!(&*reason, "INVALID_CLIENT" | "RATE_LIMITED"), "{reason}");
            }
        });
    }
    let shop = server.caller("shop").await;
    until("to be let in", async || shop.issue(client_credentials()).await.is_ok()).await;
    drop(guesses);
    server.stop().await;
}

/// A client that goes on with a secret that has ended is no guesser.
#[tokio::test]
async fn one_wrong_secret_shown_again_and_again_slows_nobody_down() {
    let server = Server::start(&strict()).await;
    let shop = server.caller("shop").await;
    for _ in 0..20 {
        let refused = with_secret(&shop, "the one before").issue(client_credentials()).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_CLIENT");
    }
    shop.issue(client_credentials()).await.expect("a token");
    server.stop().await;
}
