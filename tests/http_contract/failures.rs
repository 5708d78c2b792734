//! A service that is not there yet.

use http::header::RETRY_AFTER;
use jeton::{
    http::{HttpMetrics, router},
    service::Ready,
    store::memory::MemoryStore,
};
use tower::ServiceExt as _;

use crate::harness::{get, options, text};

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
