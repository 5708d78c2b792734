//! A token that was not made here is garbage to every call, and a refused call leaves no trace.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{IssueTokenRequest, RefreshTokenRequest};
use tonic::Code;

use crate::common::{
    caller::by_password, refusal::assert_refused, server::Server, settings::Settings,
};

/// `token` with the character at `at` replaced by another of the alphabet.
fn flipped(token: &str, at: usize) -> String {
    let with = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut token = token.to_owned();
    token.replace_range(at..=at, with);
    token
}

#[tokio::test]
async fn a_token_that_was_not_made_here_is_garbage_to_every_call_and_nothing_is_written() {
    let settings = Settings::standard();
    let other = Server::start(&settings).await;
    let foreign = other.caller("shop").await.log_in().await;
    other.stop().await;
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let ours = shop.log_in().await;
    let mut garbage = vec![
        " ".to_owned(),
        "jrt_".to_owned(),
        "jat_".to_owned(),
        "jeton \u{e9}\u{1F36A}".to_owned(),
        "x".repeat(200_000),
        ours.refresh_token.replace("jrt_", "jcs_"),
        ours.refresh_token.replace("jrt_", "JRT_"),
        ours.refresh_token[4..].to_owned(),
        format!("{} ", ours.refresh_token),
        format!("{}\n", ours.refresh_token),
        foreign.refresh_token,
        foreign.access_token,
    ];
    let places = 0..ours.refresh_token.len();
    garbage.extend(places.map(|at| flipped(&ours.refresh_token, at)));
    let before = (server.home().at_rest(), shop.cursor().await);
    for token in &garbage {
        let refused = shop.refresh(token).await;
        assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
        shop.revoke(token).await.expect("there is nothing to revoke");
        assert!(!shop.introspect(token).await.active);
    }
    let after = (server.home().at_rest(), shop.cursor().await);
    assert!(before == after, "something was written");
    shop.refresh(&ours.refresh_token).await.expect("ours is as good as before");
    server.stop().await;
}

#[tokio::test]
async fn a_refused_request_writes_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, rival) = (server.caller("shop").await, server.caller("rival").await);
    let first = shop.log_in().await;
    let before = (server.home().at_rest(), shop.cursor().await);
    let scopes = IssueTokenRequest { scopes: vec!["admin".into()], ..by_password("alice") };
    shop.issue(scopes).await.expect_err("a scope that is not allowed");
    rival.refresh(&first.refresh_token).await.expect_err("another client's token");
    rival.revoke(&first.refresh_token).await.expect_err("another client's token");
    shop.refresh_to(&first.refresh_token, &["admin"]).await.expect_err("not granted");
    let unread = RefreshTokenRequest { refresh_token: first.refresh_token, ..Default::default() };
    shop.stub.clone().refresh_token(unread).await.expect_err("no credentials");
    let after = (server.home().at_rest(), shop.cursor().await);
    assert!(before == after, "something was written");
    server.stop().await;
}
