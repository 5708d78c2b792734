//! Watches the file of an agent's assertion: the log and the metrics show that it cannot be used before a
//! token is wanted.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::identity_metrics::IdentityMetrics;
use crate::{
    app::SystemClock,
    client::{Assertion, AssertionFile},
    domain::time::Clock as _,
};

/// Interval between two looks at the file.
const PERIOD: Duration = Duration::from_secs(1);

/// Reads the file again and again, until it is dropped. A fault is logged when it begins and when it
/// ends. Requests read the file themselves.
pub(super) async fn follow_assertion(file: AssertionFile, metrics: IdentityMetrics) {
    let mut logged = None;
    loop {
        let read = file.read().await;
        metrics.note_expiry(read.as_ref().ok().and_then(expire_time));
        let fault = match read {
            Ok(assertion) if is_past(&assertion) => {
                Some("its assertion has expired, and the file has not been renewed".to_owned())
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        if fault != logged {
            if let Some(error) = &fault {
                tracing::error!(error, "the agent's assertion cannot be used");
            } else {
                tracing::info!(file = %file.path().display(), "the agent's assertion can be used again");
            }
            logged = fault;
        }
        sleep(PERIOD).await;
    }
}

fn is_past(assertion: &Assertion) -> bool {
    expire_time(assertion).is_some_and(|end| end <= SystemClock.now().as_secs())
}

/// Returns the end of its life by its own words, in seconds since 1970.
fn expire_time(assertion: &Assertion) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let payload = assertion.expose().split('.').nth(1)?;
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    let Claims { exp } = serde_json::from_slice(&payload).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast saturates, and no clock reaches the ends"
    )]
    let whole = exp as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end_of(text: &str) -> Option<u64> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, text).expect("a file");
        expire_time(&AssertionFile::at(path).read().await.expect("an assertion"))
    }

    #[tokio::test]
    async fn the_end_is_the_claim_exp_if_it_is_there() {
        // `{"alg":"ES256"}`, `{"exp":1800000000.5}` and `{}`.
        let ends = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE4MDAwMDAwMDAuNX0.c2ln";
        assert_eq!(end_of(ends).await, Some(1_800_000_000));
        assert_eq!(end_of("eyJhbGciOiJFUzI1NiJ9.e30.c2ln").await, None);
    }
}
