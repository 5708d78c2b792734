//! Waiting for conditions, never for time to pass.

use std::{future::Future, time::Duration};

use tokio::{task::yield_now, time::timeout};

/// Generous: a slow machine is no failure, a hang is.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Returns the result of `future`, which must not take for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = timeout(LIMIT, future).await;
    outcome.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

/// Asks again and again until the answer is yes. Each asking is a call over a socket or a look at
/// a file, which paces it.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            yield_now().await;
        }
    };
    within(what, asking).await;
}

/// Returns the number of runs of a race: `JETON_TEST_ROUNDS`, or 50 times.
pub(crate) fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
    let asked = std::env::var("JETON_TEST_ROUNDS");
    asked.map_or(50, |rounds| rounds.parse().expect("JETON_TEST_ROUNDS is a number"))
}
