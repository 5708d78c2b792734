//! The way to the server is in trouble.

use std::time::Duration;

use jeton::proto::v1::WatchRevocationsRequest;
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    common::{caller::Caller, server::Server, wait::within},
    guard::Kind,
    scene::Scene,
};

async fn all_is_well(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let token = scene.token().await;
    scene.revoke(&token).await;
    scene.refused(&token).await;
    scene.outlast(&token).await;
    let counts = scene.check().await;
    assert!(counts.revocations > 0 && counts.begun_anew == 0, "{counts:?}");
}

pub(crate) async fn cut_without_a_word(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.ways.cut();
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.accepted_again(&other).await;
    let counts = scene.check().await;
    assert!(counts.resumed > 0 && counts.begun_anew == 0, "{counts:?}");
}

pub(crate) async fn swallowed(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.revoke_unheard(&token).await;
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.refused(&other).await;
    // The responses that come now are old, and describe the past only.
    scene.ways.release();
    scene.accepted_again(&other).await;
    scene.outlast(&token).await;
    scene.check().await;
}

pub(crate) async fn delayed(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let good = scene.token().await;
    for delay in [20, 0, 100, 5] {
        scene.ways.delay(Duration::from_millis(delay));
        let token = scene.token().await;
        scene.revoke(&token).await;
        scene.refused(&token).await;
        scene.accepted_again(&good).await;
    }
    let counts = scene.check().await;
    assert!(counts.revocations > 0 && counts.begun_anew == 0, "{counts:?}");
}

/// Number of other watches that come and go.
const RECONNECTS: usize = 600;

async fn reconnected(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let tokens = [scene.token().await, scene.token().await, scene.token().await];
    let mut ticks = interval(Duration::from_millis(10));
    let began = Instant::now();
    let reconnecting = async {
        let mut others = JoinSet::new();
        for _ in 0..RECONNECTS {
            ticks.tick().await;
            scene.ways.hang_up();
            others.spawn(come_and_go(server.caller("gateway").await));
        }
        others.join_all().await;
        println!("{RECONNECTS} watches came and went in {:?}", began.elapsed());
    };
    let revoking = async {
        for token in &tokens {
            scene.revoke(token).await;
            scene.outlast(token).await;
        }
    };
    tokio::join!(reconnecting, revoking);
    let counts = scene.check().await;
    assert!(counts.resumed > 10 && counts.begun_anew == 0, "{counts:?}");
    let token = scene.token().await;
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    scene.check().await;
}

/// Watches up to the first response.
async fn come_and_go(gateway: Caller) {
    let request = gateway.signed(WatchRevocationsRequest::default());
    let stream = within("to watch", gateway.stub.clone().watch_revocations(request)).await;
    let mut stream = stream.expect("a watch").into_inner();
    let first = within("to be told", stream.message()).await.expect("no error");
    assert!(first.expect("a response").checkpoint);
}

#[tokio::test]
async fn a_revocation_is_heard_while_all_is_well() {
    all_is_well(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_hears_of_a_revocation_while_all_is_well() {
    all_is_well(Kind::Agent).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_without_a_word_is_found_dead_and_replaced() {
    cut_without_a_word(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_finds_a_connection_dead_that_is_cut_without_a_word() {
    cut_without_a_word(Kind::Agent).await;
}

#[tokio::test]
async fn a_network_that_swallows_every_answer_costs_the_tokens_and_not_the_promise() {
    swallowed(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_keeps_the_promise_in_a_network_that_swallows_every_answer() {
    swallowed(Kind::Agent).await;
}

#[tokio::test]
async fn a_way_whose_delay_changes_keeps_the_promise_and_the_watch() {
    delayed(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_keeps_the_promise_on_a_way_whose_delay_changes() {
    delayed(Kind::Agent).await;
}

#[tokio::test]
async fn a_hundred_reconnects_a_second_keep_the_promise() {
    reconnected(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_keeps_the_promise_through_a_hundred_reconnects_a_second() {
    reconnected(Kind::Agent).await;
}
