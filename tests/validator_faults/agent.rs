//! The agent itself is in trouble.

use jeton::client::validator::Options;
use tokio::time::Instant;

use crate::{
    agent_door::AgentDoor,
    common::server::Server,
    guard::{Guard, Kind},
    scene::{Scene, until},
};

fn agent(scene: &Scene) -> &AgentDoor {
    match &scene.guard {
        Guard::Agent(agent) => agent,
        Guard::Library(_) => panic!("it is an agent"),
    }
}

#[tokio::test]
async fn an_agent_that_was_paused_trusts_nothing_that_it_remembers() {
    let server = Server::start(&Kind::Agent.settings()).await;
    let scene = Scene::of(&server, Kind::Agent).await;
    let (token, other) = (scene.token().await, scene.token().await);
    agent(&scene).agent().signal("STOP");
    // It hears of this when it goes on, and of nothing else before it is asked.
    scene.ways.hold();
    scene.revoke(&token).await;
    let (acknowledged, promise) = (Instant::now(), Options::default().max_staleness);
    until("the promise to be over", || acknowledged.elapsed() > promise).await;
    agent(&scene).agent().signal("CONT");
    scene.refused(&other).await;
    scene.outlast(&token).await;
    scene.ways.release();
    scene.accepted_again(&other).await;
    scene.outlast(&token).await;
    scene.check().await;
}
