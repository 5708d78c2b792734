//! A service that is not there yet.

use http::header::RETRY_AFTER;
use jeton::{
    http::{HttpMetrics, router},
    service::Ready,
    store::{
        faulty::{Gate, ReadFault},
        memory::MemoryStore,
    },
};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::harness::{Server, get, options, text};

#[tokio::test]
async fn before_the_store_is_open_calls_are_told_to_come_back() {
    let ready = Ready::<MemoryStore>::not_yet();
    let router = router(ready, &options(), &HttpMetrics::new()).expect("good options");
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        let request = text(path, "token=a&grant_type=client_credentials&client_id=a");
        let response = router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
    let metadata = router.oneshot(get("/.well-known/oauth-authorization-server")).await;
    assert_eq!(metadata.expect("an answer").status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_answered_all_the_same() {
    let server = Server::start().await;
    let closed = Gate::closed();
    server.store.plan_reads(move || Some(ReadFault::Waits(closed.clone())));
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        let began = Instant::now();
        let body = "token=a&grant_type=client_credentials&client_id=a&client_secret=b";
        let answer = server.send(text(path, body)).await;
        assert_eq!((answer.status, began.elapsed().as_secs()), (503, 30), "{path}");
        assert_eq!(answer.header(&RETRY_AFTER), "1");
    }
}
