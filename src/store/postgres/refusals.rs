//! Logs the reason for a missing connection to the database, once for each reason and minute.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Minimum time between two equal messages.
const PAUSE: Duration = Duration::from_secs(60);

/// The last message.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Option<Last>>);

struct Last {
    text: Box<str>,
    time: Instant,
}

impl Refusals {
    /// Logs the message unless it was just logged. The text is the database's own error, or the
    /// driver's.
    pub(super) fn tell(&self, text: &str) {
        if self.is_news(text) {
            tracing::error!(said = text, "no connection to the database");
        }
    }

    fn is_news(&self, text: &str) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |last: &Last| *last.text == *text && last.time.elapsed() < PAUSE;
        if last.as_ref().is_some_and(same) {
            return false;
        }
        *last = Some(Last { text: text.into(), time: Instant::now() });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_reason_is_said_once_a_minute_and_another_at_once() {
        let refusals = Refusals::default();
        assert!(refusals.is_news("FATAL: no") && !refusals.is_news("FATAL: no"));
        assert!(refusals.is_news("connection refused") && refusals.is_news("FATAL: no"));
        tokio::time::advance(PAUSE).await;
        assert!(refusals.is_news("FATAL: no"));
    }
}
