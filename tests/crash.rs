//! A server that was killed, or whose data went back in time, has forgotten nothing that matters.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use jeton::proto::v1::{InactiveReason, IssueTokenResponse, RefreshTokenResponse};
use std::fs;
use tonic::{Code, Status};

use crate::common::{
    home::{Home, copy_tree},
    refusal::assert_refused,
    server::Server,
    settings::Settings,
};

#[track_caller]
fn assert_dead<T>(outcome: Result<T, Status>) {
    assert_refused(outcome, Code::Unauthenticated, "INVALID_GRANT");
}

#[tokio::test]
async fn after_kill_9_a_retry_gets_the_same_pair_and_a_replay_still_ends_the_grant() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let first = shop.log_in().await;
    let second = shop.refresh(&first.refresh_token).await.expect("a pair");

    let server = Server::start_at(server.kill().await, &settings).await;
    let shop = server.caller("shop").await;
    let mut retry = shop.refresh(&first.refresh_token).await.expect("the pair again");
    retry.expires_in = second.expires_in;
    assert!(retry == second, "all but expires_in is the same");
    let third = shop.refresh(&second.refresh_token).await.expect("a pair");

    let server = Server::start_at(server.kill().await, &settings).await;
    let shop = server.caller("shop").await;
    assert_dead(shop.refresh(&first.refresh_token).await);

    let server = Server::start_at(server.kill().await, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert_eq!(gateway.reason(&third.access_token).await, InactiveReason::Replayed);
    assert_dead(shop.refresh(&third.refresh_token).await);
    server.stop().await;
}

#[tokio::test]
async fn what_was_revoked_before_kill_9_stays_revoked() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let (whole, access_only) = (shop.log_in().await, shop.log_in().await);
    shop.revoke(&whole.refresh_token).await.expect("revoked");
    shop.revoke_access_only(&access_only.access_token).await.expect("revoked");

    let server = Server::start_at(server.kill().await, &settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert_eq!(gateway.reason(&whole.access_token).await, InactiveReason::Revoked);
    assert_dead(shop.refresh(&whole.refresh_token).await);
    assert_eq!(gateway.reason(&access_only.access_token).await, InactiveReason::Revoked);
    shop.refresh(&access_only.refresh_token).await.expect("it was left alive");
    server.stop().await;
}

/// A server whose data directory was replaced by an older copy.
struct Restored {
    server: Server,
    /// The pair that the copy has.
    first: IssueTokenResponse,
    /// The pair that came of it by a refresh after the copy.
    lost: RefreshTokenResponse,
}

impl Restored {
    async fn start() -> Self {
        let settings = Settings::standard();
        let server = Server::start(&settings).await;
        let first = server.caller("shop").await.log_in().await;
        let home = server.stop().await;
        let backup = Home::new();
        copy_tree(&home.data(), &backup.data());

        let server = Server::start_at(home, &settings).await;
        let lost = server.caller("shop").await.refresh(&first.refresh_token).await;
        let home = server.stop().await;
        fs::remove_dir_all(home.data()).expect("the newer data");
        copy_tree(&backup.data(), &home.data());
        let server = Server::start_at(home, &settings).await;
        Self { server, first, lost: lost.expect("a pair") }
    }
}

#[tokio::test]
async fn a_token_from_after_the_backup_that_was_restored_ends_its_grant_with_an_alarm() {
    let Restored { server, first, lost: second } = Restored::start().await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    assert!(!gateway.is_active(&second.access_token).await);
    assert!(gateway.is_active(&first.access_token).await);
    assert_dead(shop.refresh(&second.refresh_token).await);
    assert_dead(shop.refresh(&first.refresh_token).await);
    assert!(!gateway.is_active(&first.access_token).await);
    server.terminate();
    let (_home, log) = server.ended().await;
    assert!(
        log.lines().any(|line| line.contains("ERROR") && line.contains("went back in time")),
        "{log}"
    );
}

#[tokio::test]
async fn a_token_of_another_life_of_the_same_generation_ends_its_grant() {
    let Restored { server, first, lost } = Restored::start().await;
    let shop = server.caller("shop").await;
    let newer = shop.refresh(&first.refresh_token).await.expect("a pair");
    assert_ne!(newer.refresh_token, lost.refresh_token);
    assert_dead(shop.refresh(&lost.refresh_token).await);
    assert_dead(shop.refresh(&newer.refresh_token).await);
    assert!(!shop.is_active(&newer.access_token).await);
    server.stop().await;
}
