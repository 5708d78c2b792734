//! A user has as many live grants with a client as the client's limit says, and no more.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::IssueTokenRequest;
use tonic::Code;

use crate::common::{
    caller::{by_password, client_credentials},
    refusal::assert_refused,
    server::Server,
    settings::Settings,
};

fn limited(when_full: &str) -> Settings {
    let settings = Settings::standard().declare("shop", "max_grants", "3");
    settings.declare("shop", "when_full", &format!("{when_full:?}"))
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest_grant_and_no_other() {
    let server = Server::start(&limited("evict")).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let elsewhere = rival.log_in().await;
    let bobs = shop.issue(by_password("bob")).await.expect("a grant for bob");
    let mut grants = Vec::new();
    for _ in 0..5 {
        grants.push(shop.log_in().await);
    }
    let mut live = Vec::new();
    for grant in &grants {
        live.push(shop.is_active(&grant.access_token).await);
    }
    assert_eq!(live, [false, false, true, true, true]);
    assert!(rival.is_active(&elsewhere.access_token).await, "another client's grant");
    assert!(shop.is_active(&bobs.access_token).await, "another user's grant");
    server.stop().await;
}

#[tokio::test]
async fn a_login_beyond_the_limit_is_refused_where_the_client_says_so_until_there_is_room() {
    let server = Server::start(&limited("refuse")).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    for _ in 0..2 {
        shop.log_in().await;
    }
    let refused = shop.issue(by_password("alice")).await;
    assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    shop.revoke(&first.access_token).await.expect("a revocation");
    shop.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_at_the_limit_is_no_further_grant() {
    let server = Server::start(&limited("refuse")).await;
    let shop = server.caller("shop").await;
    for _ in 0..2 {
        shop.log_in().await;
    }
    let request = || IssueTokenRequest { request_id: "third".to_owned(), ..by_password("alice") };
    let issued = shop.issue(request()).await.expect("the third grant");
    let again = shop.issue(request()).await.expect("the third grant again");
    assert_eq!(issued.grant_id, again.grant_id);
    server.stop().await;
}

#[tokio::test]
async fn tokens_for_the_client_itself_do_not_count() {
    let server = Server::start(&limited("refuse")).await;
    let shop = server.caller("shop").await;
    for _ in 0..10 {
        shop.issue(client_credentials()).await.expect("a token");
    }
    shop.log_in().await;
    server.stop().await;
}
