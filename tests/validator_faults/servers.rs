//! The server is in trouble.

use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{signing_register::SigningChange, time::Clock as _},
    store::{
        SigningKeys as _, Store as _,
        sled::{SledOptions, SledStore},
    },
};

use crate::{
    common::{home::Home, server::Server},
    guard::Kind,
    scene::Scene,
};

/// Comes back where the one before was.
async fn come_back(kind: Kind, home: Home, address: String) -> Server {
    let mut server = Server::spawn(home, &kind.settings(), address);
    server.serving().await;
    server
}

pub(crate) async fn paused(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::of(&server, kind).await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.revoke_unheard(&token).await;
    server.signal("STOP");
    scene.ways.lose();
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.refused(&other).await;
    server.signal("CONT");
    scene.accepted_again(&other).await;
    scene.outlast(&token).await;
    let counts = scene.check().await;
    assert!(counts.resumed > 0 && counts.begun_anew == 0, "{counts:?}");
}

pub(crate) async fn killed(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::at(server.address(), kind).await;
    let (token, other) = (scene.token().await, scene.token().await);
    scene.revoke_unheard(&token).await;
    let address = server.address().to_owned();
    let home = server.kill().await;
    scene.ways.lose();
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.refused(&other).await;
    let _server = come_back(kind, home, address).await;
    scene.accepted_again(&other).await;
    let counts = scene.check().await;
    assert!(counts.resumed > 0 && counts.begun_anew == 0, "{counts:?}");
    let next = scene.token().await;
    scene.revoke(&next).await;
    scene.outlast(&next).await;
    scene.check().await;
}

pub(crate) async fn replaced(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::at(server.address(), kind).await;
    let (token, put_by) = (scene.token().await, scene.put_by().await);
    let address = server.address().to_owned();
    drop(server.kill().await);
    // The previous tokens are gone, as if they had been revoked.
    for token in [&token, &put_by] {
        scene.ledger.acknowledged(token);
    }
    let _server = come_back(kind, Home::new(), address).await;
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.begins_anew().await;
    scene.bring_out(&put_by).await;
    let token = scene.token().await;
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    scene.check().await;
}

/// Frees every event there is, as the sweeper does with those that are old and many.
async fn trim(home: &Home) {
    let options = SledOptions::new(home.data(), 1 << 20);
    let store = SledStore::open(&options, &SystemEntropy).expect("the store opens");
    let head = store.head().await.expect("an end");
    let now = SystemClock.now();
    store.register_signing(SigningChange::Trim(now), now).await.expect("noted");
    while store.trim_changes(head, 256).await.expect("trimmed") > 0 {}
    store.close().await.expect("it closes");
}

pub(crate) async fn trimmed(kind: Kind) {
    let server = Server::start(&kind.settings()).await;
    let scene = Scene::at(server.address(), kind).await;
    let (token, other) = (scene.token().await, scene.token().await);
    let put_by = scene.put_by().await;
    let heard = scene.guard.counts().await.revocations;
    scene.revoke_unheard(&token).await;
    scene.revoke(&put_by).await;
    let address = server.address().to_owned();
    let home = server.kill().await;
    scene.ways.lose();
    trim(&home).await;
    let _server = come_back(kind, home, address).await;
    scene.begins_anew().await;
    scene.accepted_again(&other).await;
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.bring_out(&put_by).await;
    // No event has named their grants.
    assert_eq!(scene.check().await.revocations, heard);
    let next = scene.token().await;
    scene.revoke(&next).await;
    scene.outlast(&next).await;
    assert_eq!(scene.check().await.begun_anew, 1);
}

#[tokio::test]
async fn a_server_that_is_paused_is_not_believed() {
    paused(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_does_not_believe_a_server_that_is_paused() {
    paused(Kind::Agent).await;
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_followed_again() {
    killed(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_follows_a_server_again_that_was_killed() {
    killed(Kind::Agent).await;
}

#[tokio::test]
async fn a_server_that_comes_back_with_a_new_store_is_followed_anew() {
    replaced(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_follows_a_server_anew_that_has_a_new_store() {
    replaced(Kind::Agent).await;
}

#[tokio::test]
async fn a_server_that_has_freed_what_was_to_be_told_is_followed_anew() {
    trimmed(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_follows_a_server_anew_that_has_freed_what_was_to_be_told() {
    trimmed(Kind::Agent).await;
}
