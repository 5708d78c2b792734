//! Ends of a watch: with the server, with a caller who does not read, with a caller who goes away.

use tonic::{Code, transport::Endpoint};
use tonic_types::StatusExt as _;

use crate::{
    common::{
        caller::{Caller, client_credentials},
        ops::Ops,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
        wait::until,
    },
    watcher::{Watcher, ended},
};

#[tokio::test]
async fn watches_end_when_the_server_drains_and_do_not_hold_it_up_and_go_on_at_the_next() {
    let settings = Settings::standard().set("serve", "drain_timeout", "1h");
    let server = Server::start(&settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let mut watch = Watcher::of(&gateway).await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&issued.access_token).await.expect("revoked");
    server.terminate();
    let status =
        assert_refused::<()>(Err(watch.end().await), Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
    let (home, _) = server.ended().await;

    let server = Server::start_at(home, &settings).await;
    let gateway = server.caller("gateway").await;
    let mut resumed = Watcher::resume(&gateway, &watch.cursor).await;
    watch.told.extend(resumed.up_to_now(&gateway).await.iter().cloned());
    assert_eq!(ended(&watch.told), [issued.grant_id].into());
    server.stop().await;
}

#[tokio::test]
async fn watches_go_on_through_the_drain_delay() {
    let settings = Settings::standard().set("serve", "drain_delay", "2s");
    let server = Server::start(&settings).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let ops = server.ops().await;
    let mut watch = Watcher::of(&gateway).await;
    server.terminate();
    until("to drain", async || ops.get("/readyz").await.1.contains("draining")).await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&issued.access_token).await.expect("revoked");
    assert_eq!(ended(watch.up_to_now(&gateway).await), [issued.grant_id].into());
    let status = watch.end().await;
    assert_refused::<()>(Err(status), Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    server.ended().await;
}

async fn watchers(ops: &Ops) -> u64 {
    ops.metrics().await.count("jeton_watchers")
}

async fn ended_as(ops: &Ops, outcome: &str) -> u64 {
    let series = format!("jeton_watches_ended_total{{outcome=\"{outcome}\"}}");
    ops.metrics().await.count(&series)
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_cut_off_as_too_slow_and_resumes_without_a_gap() {
    let server = Server::start(&Settings::standard()).await;
    let (shop, gateway) = (server.caller("shop").await, server.caller("gateway").await);
    let ops = server.ops().await;
    // A window smaller than one response: the second one waits until the first is read.
    let endpoint = Endpoint::from_shared(server.url()).expect("a URL");
    let narrow = endpoint.initial_stream_window_size(16).connect().await.expect("a connection");
    let mut watch = Watcher::resume(&Caller::new(narrow, "gateway"), &gateway.cursor().await).await;
    let mut revoked = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let issued = shop.issue(client_credentials()).await.expect("a token");
        shop.revoke(&issued.access_token).await.expect("revoked");
        revoked.insert(issued.grant_id);
    }
    assert_eq!(watchers(&ops).await, 1);
    let behind = ops.metrics().await.count("jeton_watch_lag_events");
    assert!((1..=300).contains(&behind), "{behind}");
    until("to be cut off", async || ended_as(&ops, "TOO_SLOW").await == 1).await;
    assert_eq!(watchers(&ops).await, 0);

    let status = watch.end().await;
    assert_refused::<()>(Err(status), Code::ResourceExhausted, "TOO_SLOW");
    assert!(watch.told.len() < 300, "there was something left to tell");
    let mut resumed = Watcher::resume(&gateway, &watch.cursor).await;
    watch.told.extend(resumed.up_to_now(&gateway).await.iter().cloned());
    assert_eq!(ended(&watch.told), revoked);
    server.stop().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_behind() {
    let server = Server::start(&Settings::standard()).await;
    let gateway = server.caller("gateway").await;
    let ops = server.ops().await;
    let mut watches = Vec::new();
    for _ in 0..20 {
        watches.push(Watcher::of(&gateway).await);
    }
    assert_eq!((watchers(&ops).await, ended_as(&ops, "CANCELLED").await), (20, 0));
    watches.truncate(5);
    until("to be gone", async || watchers(&ops).await == 5).await;
    drop(watches);
    until("to be gone", async || watchers(&ops).await == 0).await;
    assert_eq!(ended_as(&ops, "CANCELLED").await, 20);
    // And a watch that starts after that gets events as before.
    let shop = server.caller("shop").await;
    let mut watch = Watcher::of(&gateway).await;
    let issued = shop.issue(client_credentials()).await.expect("a token");
    shop.revoke(&issued.access_token).await.expect("revoked");
    assert_eq!(ended(watch.up_to_now(&gateway).await), [issued.grant_id].into());
    assert_eq!(ops.metrics().await.count("jeton_watch_events_total"), 1);
    server.stop().await;
}
