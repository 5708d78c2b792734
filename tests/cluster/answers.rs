//! Answers of instances, and how long they may be behind.

use std::time::Duration;

use jeton::proto::v1::IntrospectResponse;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::common::{caller::Caller, wait::within};

/// Longest time by which an answer may be behind a revocation by another instance: the default.
pub(crate) const MAX_STALENESS: Duration = Duration::from_secs(1);

/// Returns the answer of introspection, if there is one.
pub(crate) async fn introspected(
    caller: &Caller,
    token: &str,
) -> Result<IntrospectResponse, Status> {
    let answer = within("to be told", caller.introspect_all(&[token])).await;
    answer.map(|mut results| results.remove(0))
}

/// Asks until `ask` has an answer that is not `UNAVAILABLE`.
pub(crate) async fn answered<T>(what: &str, ask: impl AsyncFn() -> Result<T, Status>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
        }
    };
    timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("{what}: in a minute"))
}
