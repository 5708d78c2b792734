//! The server's wall clock is set. The validator's own time is not the wall clock's: see
//! `tests/client/promise.rs`.

use crate::{guard::Kind, scene::Scene, timed::Timed};

const DAY: i64 = 24 * 60 * 60;

async fn set_clock(kind: Kind) {
    let server = Timed::start(&kind.settings()).await;
    let scene = Scene::at(&server.address, kind).await;
    let good = scene.token().await;
    // A day back, a day beyond what is right, and right again.
    for jump in [-DAY, 2 * DAY, -DAY] {
        let (heard, unheard) = (scene.token().await, scene.token().await);
        server.set_clock(jump);
        scene.revoke(&heard).await;
        scene.refused(&heard).await;
        scene.revoke_unheard(&unheard).await;
        scene.outlast(&unheard).await;
        scene.was_trusted(&unheard);
        scene.ways.release();
        scene.outlast(&heard).await;
    }
    scene.accepted_again(&good).await;
    let counts = scene.check().await;
    assert_eq!(counts.begun_anew, 0, "{counts:?}");
}

#[tokio::test]
async fn a_server_whose_clock_is_set_keeps_the_promise_and_the_watch() {
    set_clock(Kind::Library).await;
}

#[tokio::test]
async fn an_agent_keeps_the_promise_while_its_servers_clock_is_set() {
    set_clock(Kind::Agent).await;
}
