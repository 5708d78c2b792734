//! Waits for events that come after a moment.

use std::time::Duration;

/// Waits until `attempt` returns a value, for at most ten seconds.
pub(crate) async fn eventually<T>(attempt: impl Fn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(value) = attempt() {
                return value;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it happens in time")
}
