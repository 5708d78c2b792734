//! Watches the file of an agent's assertion: the log and the metrics show that it cannot be used before a
//! token is wanted.

use std::time::Duration;

use tokio::time::sleep;

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
        metrics.note_expiry(read.as_ref().ok().and_then(Assertion::expire_time));
        let fault = match read {
            Ok(assertion) if is_past(&assertion) => {
                Some("its assertion has expired: whatever renews the file does not".to_owned())
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
    assertion.expire_time().is_some_and(|end| end <= SystemClock.now().as_secs())
}
