//! The validator itself is in trouble.

use std::time::Duration;

use tonic::transport::Endpoint;

use crate::{
    common::{server::Server, settings::Settings, wait},
    guard::Guard,
    scene::{Scene, start},
    stall::Stallable,
};

#[tokio::test]
async fn a_service_that_is_too_slow_for_its_watch_is_cut_off_resumes_and_keeps_the_promise() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let stallable = Stallable::start();
    let scene = Scene::with(&server.addresses(), async |endpoints| {
        let _entered = stallable.handle.enter();
        // A window smaller than a response, and a connection that outlives the stall: what the
        // server can say ends with what is read, and the watch ends before the connection.
        let hour = Duration::from_secs(60 * 60);
        let slow = |endpoint: Endpoint| {
            endpoint.initial_stream_window_size(16).http2_keep_alive_interval(hour)
        };
        Guard::Library(start(endpoints.into_iter().map(slow).collect()))
    })
    .await;
    let (token, other) = (scene.token().await, scene.token().await);
    let stall = stallable.stall();
    scene.revoke(&token).await;
    scene.outlast(&token).await;
    scene.was_trusted(&token);
    scene.refused(&other).await;
    let too_slow = "jeton_watches_ended_total{outcome=\"TOO_SLOW\"}";
    wait::until("to be cut off", async || ops.metrics().await.count(too_slow) == 1).await;
    drop(stall);
    scene.accepted_again(&other).await;
    scene.outlast(&token).await;
    let counts = scene.check().await;
    assert!(counts.resumed > 0 && counts.begun_anew == 0, "{counts:?}");
    assert_eq!(counts.revocations, 1, "what was not read is told to the resumed watch");
}
