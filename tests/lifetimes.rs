//! Every token ends when it was said to: access tokens, their overlap, refresh tokens, grants.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{InactiveReason, IntrospectResponse, TokenKind};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::common::{
    caller::Caller, refusal::assert_refused, server::Server, settings::Settings, wait::until,
};

#[track_caller]
fn assert_dead<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::Unauthenticated, "INVALID_GRANT");
}

fn millis(time: Option<Timestamp>) -> i64 {
    let time = time.expect("a time");
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}

fn life(answer: &IntrospectResponse) -> i64 {
    millis(answer.expire_time) - millis(answer.issue_time)
}

async fn expired(caller: &Caller, token: &str) {
    until("the access token to expire", async || !caller.is_active(token).await).await;
}

#[tokio::test]
async fn the_replaced_access_token_stays_good_for_the_overlap_with_its_own_scopes() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = shop.refresh_to(&first.refresh_token, &["read"]).await.expect("a pair");
    let rotated = millis(shop.introspect(&second.access_token).await.issue_time);
    let old = shop.introspect(&first.access_token).await;
    assert!(old.active);
    assert_eq!(old.scopes, ["read", "write"]);
    assert_eq!(millis(old.expire_time), rotated + 60_000);
    server.stop().await;
}

#[tokio::test]
async fn a_second_rotation_ends_the_first_access_token_at_once() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Superseded);
    assert!(shop.is_active(&second.access_token).await);
    assert!(shop.is_active(&third.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn without_an_overlap_a_rotation_ends_the_access_token_at_once() {
    let server = Server::start(&Settings::standard().set("tokens", "access_overlap", "0s")).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Superseded);
    server.stop().await;
}

#[tokio::test]
async fn after_the_overlap_the_replaced_access_token_is_superseded() {
    let server = Server::start(&Settings::standard().set("tokens", "access_overlap", "1s")).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    shop.refresh(&first.refresh_token).await.expect("a pair");
    assert!(shop.is_active(&first.access_token).await);
    expired(&shop, &first.access_token).await;
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Superseded);
    server.stop().await;
}

#[tokio::test]
async fn the_overlap_never_goes_past_the_access_tokens_own_expiry() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""1s""#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    shop.refresh(&first.refresh_token).await.expect("a pair");
    let old = shop.introspect(&first.access_token).await;
    if old.active {
        assert_eq!(life(&old), 1_000);
    }
    expired(&shop, &first.access_token).await;
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Expired);
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_token_outlives_its_access_token() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""1s""#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    assert_eq!(first.expires_in, 1);
    expired(&shop, &first.access_token).await;
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Expired);
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert!(shop.is_active(&second.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_token_that_is_not_used_expires_and_each_refresh_starts_its_time_anew() {
    let settings = Settings::standard().declare("shop", "refresh_token_ttl", r#""1s""#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let idle = shop.log_in().await;
    let mut used = shop.log_in().await.refresh_token;
    // Kept in use, the second outlives what the first was given.
    let spoilt = async || !shop.introspect_as(&idle.refresh_token, TokenKind::Refresh).await.active;
    while !spoilt().await {
        used = shop.refresh(&used).await.expect("it is in use").refresh_token;
    }
    let last = shop.refresh(&used).await.expect("it is in use");
    let refresh = shop.introspect_as(&last.refresh_token, TokenKind::Refresh).await;
    assert_eq!(life(&refresh), 1_000);
    assert_dead(shop.refresh(&idle.refresh_token).await);
    // An access token that was issued with it goes on by its own expiry.
    assert!(shop.is_active(&idle.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn no_refresh_takes_anything_past_the_end_of_the_grant() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""2s""#);
    let server = Server::start(&settings.declare("shop", "grant_ttl", r#""2s""#)).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    let end = millis(first.refresh_expire_time);
    let mut newest = shop.refresh(&first.refresh_token).await.expect("a pair");
    while let Ok(next) = shop.refresh(&newest.refresh_token).await {
        assert_eq!((millis(next.expire_time), millis(next.refresh_expire_time)), (end, end));
        assert!(next.expires_in >= 1, "clients read 0 as never");
        newest = next;
    }
    // The grant is dead in its last second already, since no token lives so short.
    assert_dead(shop.refresh(&newest.refresh_token).await);
    expired(&shop, &newest.access_token).await;
    // The window does not bring an expired grant back.
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert_eq!(gateway.reason(&newest.access_token).await, InactiveReason::Expired);
    server.stop().await;
}

#[tokio::test]
async fn a_retry_is_given_no_access_token_that_is_as_good_as_dead_and_its_grant_goes_on() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""2s""#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    until("the retry to be too late", async || match shop.refresh(&first.refresh_token).await {
        Ok(again) => {
            assert_eq!(again.refresh_token, second.refresh_token);
            assert!(again.expires_in >= 1, "clients read 0 as never");
            false
        }
        refused => {
            assert_dead(refused);
            true
        }
    })
    .await;
    shop.refresh(&second.refresh_token).await.expect("the grant goes on");
    server.stop().await;
}
