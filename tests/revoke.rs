//! Revoking any token of a grant ends all of it; no client revokes another's; and an answered
//! revocation is final, against everything that ran beside it.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{
    InactiveReason, IssueTokenResponse, RefreshTokenResponse, RevokeTokenRequest, TokenKind,
    TokenTypeHint,
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{Code, Status};

use crate::common::{
    caller::{Caller, client_credentials},
    home::Home,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::{rounds, until, within},
};

#[track_caller]
fn assert_dead<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::Unauthenticated, "INVALID_GRANT");
}

/// Nothing of the grant is good any more.
async fn assert_ended(server: &Server, owner: &Caller, access: &str, refresh: &str) {
    let gateway = server.caller("gateway").await;
    assert_eq!(gateway.reason(access).await, InactiveReason::Revoked);
    assert_dead(owner.refresh(refresh).await);
}

/// A server, and a grant that was refreshed once.
struct Refreshed {
    server: Server,
    shop: Caller,
    first: IssueTokenResponse,
    second: RefreshTokenResponse,
}

impl Refreshed {
    async fn start() -> Self {
        let server = Server::start(&Settings::standard()).await;
        let shop = server.caller("shop").await;
        let first = shop.log_in().await;
        let second = shop.refresh(&first.refresh_token).await.expect("a pair");
        Self { server, shop, first, second }
    }
}

#[tokio::test]
async fn a_client_public_or_not_ends_its_own_grant_by_either_token() {
    let server = Server::start(&Settings::standard()).await;
    for owner in ["shop", "app"] {
        let owner = server.caller(owner).await;
        for by_access in [true, false] {
            let first = owner.log_in().await;
            let token = if by_access { &first.access_token } else { &first.refresh_token };
            owner.revoke(token).await.expect("revoked");
            assert_ended(&server, &owner, &first.access_token, &first.refresh_token).await;
            owner.revoke(token).await.expect("revoking again is no error");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_public_or_not_is_refused_a_foreign_grant_which_stays_alive() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    for (owner, stranger) in [
        ("shop", "rival"),
        ("shop", "app"),
        ("app", "kiosk"),
        ("app", "rival"),
        ("shop", "gateway"),
    ] {
        let owner = server.caller(owner).await;
        let stranger = server.caller(stranger).await;
        let first = owner.log_in().await;
        for token in [&first.access_token, &first.refresh_token] {
            assert_dead(stranger.revoke(token).await);
            assert_dead(stranger.revoke_access_only(token).await);
        }
        assert!(gateway.is_active(&first.access_token).await);
        owner.refresh(&first.refresh_token).await.expect("it is alive");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_hint_makes_no_difference_right_or_wrong_or_unknown() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    for hint in [TokenTypeHint::AccessToken.into(), TokenTypeHint::RefreshToken.into(), 99] {
        for by_access in [true, false] {
            let first = shop.log_in().await;
            let token = if by_access { &first.access_token } else { &first.refresh_token };
            let request = RevokeTokenRequest { token_type_hint: hint, ..Default::default() };
            shop.revoke_as(token, request).await.expect("revoked");
            assert_ended(&server, &shop, &first.access_token, &first.refresh_token).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn revoking_an_already_rotated_refresh_token_still_ends_the_family() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    shop.revoke(&first.refresh_token).await.expect("revoked");
    assert_ended(&server, &shop, &third.access_token, &third.refresh_token).await;
    assert!(!shop.is_active(&second.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn an_access_token_that_was_replaced_long_ago_still_ends_the_family() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");
    shop.revoke(&first.access_token).await.expect("revoked");
    assert_ended(&server, &shop, &third.access_token, &third.refresh_token).await;
    server.stop().await;
}

#[tokio::test]
async fn an_expired_access_token_still_ends_its_grant() {
    let settings = Settings::standard().declare("shop", "access_token_ttl", r#""1s""#);
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    until("the access token to expire", async || !shop.is_active(&first.access_token).await).await;
    shop.revoke(&first.access_token).await.expect("revoked");
    assert_ended(&server, &shop, &first.access_token, &first.refresh_token).await;
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_grant_is_not_revived_by_the_retry_window() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    shop.revoke(&second.access_token).await.expect("revoked");
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert_ended(&server, &shop, &second.access_token, &second.refresh_token).await;
    server.stop().await;
}

#[tokio::test]
async fn access_token_only_leaves_the_refresh_token_alive() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let gateway = server.caller("gateway").await;
    let first = shop.log_in().await;
    shop.revoke_access_only(&first.access_token).await.expect("revoked");
    assert_eq!(gateway.reason(&first.access_token).await, InactiveReason::Revoked);
    assert!(shop.introspect_as(&first.refresh_token, TokenKind::Refresh).await.active);
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert!(shop.is_active(&second.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn access_token_only_given_one_of_two_live_access_tokens_ends_that_one() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    shop.revoke_access_only(&first.access_token).await.expect("revoked");
    assert!(!shop.is_active(&first.access_token).await);
    assert!(shop.is_active(&second.access_token).await);
    shop.refresh(&second.refresh_token).await.expect("the chain goes on");
    server.stop().await;
}

#[tokio::test]
async fn access_token_only_given_the_refresh_token_ends_every_live_access_token() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    shop.revoke_access_only(&second.refresh_token).await.expect("revoked");
    assert!(!shop.is_active(&first.access_token).await);
    assert!(!shop.is_active(&second.access_token).await);
    shop.refresh(&second.refresh_token).await.expect("the chain goes on");
    server.stop().await;
}

#[tokio::test]
async fn access_token_only_closes_the_retry_window() {
    let Refreshed { server, shop, first, second } = Refreshed::start().await;
    shop.revoke_access_only(&second.access_token).await.expect("revoked");
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert!(!shop.is_active(&second.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_client_credentials_is_revoked_like_any_other() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&issued.access_token).await.expect("revoked");
    assert!(!shop.is_active(&issued.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn revoking_what_was_never_a_token_is_success_and_moves_no_feed() {
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let before = shop.cursor().await;
    let forged = first.refresh_token.replace("jrt_", "jat_");
    for token in ["garbage", "jat_", "jéton", &forged, &"x".repeat(5_000)] {
        shop.revoke(token).await.expect("nothing to revoke is success");
        shop.revoke_access_only(token).await.expect("nothing to revoke is success");
    }
    assert_eq!(shop.cursor().await, before);
    assert!(shop.is_active(&first.access_token).await);
    shop.revoke(&first.access_token).await.expect("revoked");
    assert!(shop.cursor().await > before);
    server.stop().await;
}

/// Tokens of one grant, as many as its racing calls gave away.
struct Raced {
    access: Vec<String>,
    refresh: Vec<String>,
}

/// Refreshes and revokes at once, over connections of their own.
async fn race(refreshers: &[Caller], revoker: &Caller, by_access: bool) -> Raced {
    let first = revoker.log_in().await;
    let mut calls = JoinSet::new();
    for refresher in refreshers {
        let refresher = refresher.clone();
        let mut token = first.refresh_token.clone();
        calls.spawn(async move {
            let mut answers = Vec::new();
            while let Ok(next) = refresher.refresh(&token).await {
                token.clone_from(&next.refresh_token);
                answers.push(next);
            }
            answers
        });
    }
    let token = if by_access { &first.access_token } else { &first.refresh_token };
    revoker.revoke(token).await.expect("revoked");
    let (mut access, mut refresh) = (vec![first.access_token], vec![first.refresh_token]);
    for answer in calls.join_all().await.into_iter().flatten() {
        access.push(answer.access_token);
        refresh.push(answer.refresh_token);
    }
    Raced { access, refresh }
}

async fn assert_nothing_survives(server: &Server, raced: &Raced) {
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    for token in &raced.access {
        assert!(!gateway.is_active(token).await);
    }
    for token in &raced.refresh {
        assert!(!shop.introspect_as(token, TokenKind::Refresh).await.active);
        assert_dead(shop.refresh(token).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_grant_survives_a_revocation_that_races_refreshes_nor_comes_back_after_kill_9()
{
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let revoker = server.caller("shop").await;
    let refreshers = [server.caller("shop").await, server.caller("shop").await];
    let mut all = Vec::new();
    for round in 0..rounds() {
        let raced = race(&refreshers, &revoker, round % 2 == 0).await;
        assert_nothing_survives(&server, &raced).await;
        all.push(raced);
    }
    let server = Server::start_at(server.kill().await, &settings).await;
    for raced in &all {
        assert_nothing_survives(&server, raced).await;
    }
    server.stop().await;
}

/// As [`race`], with a kill once `enough` refreshes were answered. The second part of the outcome
/// says whether the revocation was acknowledged before it.
async fn race_until_killed(
    server: Server,
    enough: usize,
    by_access: bool,
) -> (Home, Raced, Result<(), Status>) {
    let revoker = server.caller("shop").await;
    let first = revoker.log_in().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        let (refresher, tell) = (server.caller("shop").await, tell.clone());
        let mut token = first.refresh_token.clone();
        calls.spawn(async move {
            let mut answers = Vec::new();
            while let Ok(next) = refresher.refresh(&token).await {
                token.clone_from(&next.refresh_token);
                answers.push(next);
                // Nobody listens any more once the server was killed.
                let _gone = tell.send(());
            }
            answers
        });
    }
    drop(tell);
    let (mut access, mut refresh) = (vec![first.access_token], vec![first.refresh_token]);
    let token = if by_access { access[0].clone() } else { refresh[0].clone() };
    let revocation = tokio::spawn(async move { revoker.revoke(&token).await });
    // The revocation may end the race before as many were answered.
    for _ in 0..enough {
        if within("an answer", told.recv()).await.is_none() {
            break;
        }
    }
    let home = server.kill().await;
    let answered = within("the revocation to end", revocation).await.expect("it does not panic");
    for answer in within("the calls to end", calls.join_all()).await.into_iter().flatten() {
        access.push(answer.access_token);
        refresh.push(answer.refresh_token);
    }
    (home, Raced { access, refresh }, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_grant_survives_a_revocation_asked_until_it_is_answered_across_kill_9() {
    let settings = Settings::standard();
    let mut home = Home::new();
    let mut unanswered = 0;
    for round in 0..rounds().div_ceil(5) {
        let server = Server::start_at(home, &settings).await;
        let (left, raced, revoked) = race_until_killed(server, round % 5, round % 2 == 0).await;

        let server = Server::start_at(left, &settings).await;
        if revoked.is_err() {
            unanswered += 1;
            let shop = server.caller("shop").await;
            // Any token of the grant will do.
            let token = raced.refresh.get(round % raced.refresh.len()).expect("a token");
            shop.revoke(token).await.expect("revoked");
        }
        assert_nothing_survives(&server, &raced).await;
        let server = Server::start_at(server.kill().await, &settings).await;
        assert_nothing_survives(&server, &raced).await;
        home = server.stop().await;
    }
    println!("{unanswered} revocations were cut off");
}
