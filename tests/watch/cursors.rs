//! A watch goes on where it was cut off: nothing is lost and nothing comes twice.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::{
    common::{
        caller::{Caller, client_credentials},
        refusal::{assert_refused, error_info},
        server::Server,
        settings::Settings,
    },
    watcher::{Watcher, after, ended, snapshot},
};

/// Grants of one caller.
#[derive(Default)]
struct Revoked {
    /// Grants whose revocation was answered.
    acknowledged: BTreeSet<String>,
    /// All that there were, revoked or not.
    issued: BTreeSet<String>,
}

/// Issues and revokes until the server is gone.
async fn load(shop: Caller) -> Revoked {
    let mut revoked = Revoked::default();
    while let Ok(issued) = shop.issue(client_credentials()).await {
        revoked.issued.insert(issued.grant_id.clone());
        if shop.revoke(&issued.access_token).await.is_err() {
            break;
        }
        revoked.acknowledged.insert(issued.grant_id);
    }
    revoked
}

#[tokio::test]
async fn nothing_is_lost_or_told_twice_when_the_server_is_killed_under_load() {
    let settings = Settings::standard();
    let mut server = Server::start(&settings).await;
    let mut watcher = Watcher::of(&server.caller("gateway").await).await;
    let (mut told, mut acknowledged, mut issued) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for round in 0..3 {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            calls.spawn(load(server.caller("shop").await));
        }
        while watcher.told.len() < 40 {
            watcher.next().await.expect("a response");
        }
        let home = server.kill().await;
        let cut = watcher.end().await;
        assert_eq!(cut.code(), Code::Unknown, "round {round}: {cut:?}");
        for revoked in calls.join_all().await {
            acknowledged.extend(revoked.acknowledged);
            issued.extend(revoked.issued);
        }
        told.append(&mut watcher.told);
        let cursor = watcher.cursor;
        server = Server::start_at(home, &settings).await;
        watcher = Watcher::resume(&server.caller("gateway").await, &cursor).await;
    }
    watcher.up_to_now(&server.caller("gateway").await).await;
    told.append(&mut watcher.told);
    let told = ended(&told);
    println!("{} issued, {} acknowledged, {} told", issued.len(), acknowledged.len(), told.len());
    // Of the 120 that were sent before the kills, at most 12 were not answered any more.
    assert!(acknowledged.len() >= 108, "the load got nowhere");
    assert!(told.is_superset(&acknowledged), "a revocation was lost");
    assert!(told.is_subset(&issued), "what was told never was");
    server.stop().await;
}

#[tokio::test]
async fn a_watch_that_is_cut_off_after_every_response_misses_nothing() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let start = gateway.cursor().await;
    let mut revoked = BTreeSet::new();
    let mut told = Vec::new();
    let mut cursor = start.clone();
    for _ in 0..30 {
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        revoked.insert(issued.grant_id);
        let mut watcher = Watcher::resume(&gateway, &cursor).await;
        told.extend(watcher.next().await.expect("a response").revocations);
        cursor = watcher.cursor;
    }
    assert_eq!(ended(&told), revoked);
    let mut again = Watcher::resume(&gateway, &start).await;
    assert_eq!(*again.up_to_now(&gateway).await, told, "and whoever asks again is told the same");
    server.stop().await;
}

#[tokio::test]
async fn revocations_that_race_each_other_are_told_to_every_watch_in_one_order() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let mut watches = Vec::new();
    for _ in 0..3 {
        watches.push(Watcher::of(&gateway).await);
    }
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let shop = server.caller("shop").await;
        calls.spawn(async move {
            for _ in 0..50 {
                let issued = shop.issue(client_credentials()).await.expect("a token");
                shop.revoke(&issued.access_token).await.expect("revoked");
            }
        });
    }
    let mut late = Watcher::start(&gateway, snapshot()).await.expect("a watch");
    calls.join_all().await;
    let now = gateway.cursor().await;
    let first = watches[0].reach(&now).await.to_vec();
    assert_eq!(ended(&first).len(), 400);
    for watch in &mut watches[1..] {
        assert_eq!(watch.reach(&now).await, first);
    }
    let late = ended(late.reach(&now).await);
    assert!(late.is_superset(&ended(&first)));
    server.stop().await;
}

/// Insists on the refusal, and hands out the way out of it.
#[track_caller]
fn out_of_range(outcome: Result<Watcher, Status>) -> String {
    let status = assert_refused(outcome.map(drop), Code::OutOfRange, "CURSOR_OUT_OF_RANGE");
    error_info(&status).metadata["cursor"].clone()
}

#[tokio::test]
async fn a_cursor_of_another_store_or_ahead_of_the_feed_is_out_of_range_and_says_the_way_out() {
    let elsewhere = Server::start(&Settings::standard()).await;
    let foreign = elsewhere.caller("gateway").await.cursor().await;
    elsewhere.stop().await;
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let now = gateway.cursor().await;
    let ahead = format!("{}LygHa16AHYF", &now[..22]);
    for cursor in [foreign, ahead] {
        let restart = out_of_range(Watcher::start(&gateway, after(&cursor)).await);
        assert_eq!(restart, gateway.cursor().await);
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        let mut watcher = Watcher::resume(&gateway, &restart).await;
        assert_eq!(ended(watcher.up_to_now(&gateway).await), [issued.grant_id].into());
    }
    server.stop().await;
}

#[tokio::test]
async fn text_that_is_no_cursor_and_a_snapshot_beside_a_cursor_are_invalid_requests() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let cursor = gateway.cursor().await;
    for text in ["0", "no cursor", &cursor[1..], &format!("{cursor}0")] {
        let refused = Watcher::start(&gateway, after(text)).await;
        let status = assert_refused(refused.map(drop), Code::InvalidArgument, "INVALID_REQUEST");
        assert!(status.message().starts_with("cursor: "), "{}", status.message());
    }
    let both = jeton::proto::v1::WatchRevocationsRequest { cursor, ..snapshot() };
    let refused = Watcher::start(&gateway, both).await;
    let status = assert_refused(refused.map(drop), Code::InvalidArgument, "INVALID_REQUEST");
    assert!(status.message().starts_with("snapshot: "), "{}", status.message());
    server.stop().await;
}
