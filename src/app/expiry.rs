//! Logs that the certificate in use expires soon, or has expired, until there is another.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// Remaining life from which it is logged: a renewal that works comes sooner.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Interval between two messages: after the expiry, and before.
const OFTEN: Duration = Duration::from_secs(60 * 60);
const SELDOM: Duration = Duration::from_secs(24 * 60 * 60);

/// Last message about the certificate, and its time.
#[derive(Default)]
pub(super) struct Expiry {
    said: Option<(Said, Timestamp)>,
}

/// Message about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It expires within a week.
    Soon,
    /// It has expired: clients refuse it.
    Expired,
}

impl Expiry {
    /// Returns the message that is due at `now` about a certificate that expires at `end`.
    fn due(&mut self, end: Timestamp, now: Timestamp) -> Option<Said> {
        let (what, pause) = if now >= end {
            (Said::Expired, OFTEN)
        } else if now.after(SOON) >= end {
            (Said::Soon, SELDOM)
        } else {
            self.said = None;
            return None;
        };
        let again = |(before, time): (Said, Timestamp)| before != what || now >= time.after(pause);
        self.said.is_none_or(again).then(|| {
            self.said = Some((what, now));
            what
        })
    }

    /// Says it in the log.
    pub(super) fn tell(&mut self, end: Timestamp, now: Timestamp) {
        let expire_time = end.as_secs();
        match self.due(end, now) {
            None => {}
            Some(Said::Soon) => {
                tracing::warn!(expire_time, "the TLS certificate expires soon: renew it");
            }
            Some(Said::Expired) => {
                tracing::error!(
                    expire_time,
                    "the TLS certificate has expired and clients refuse it: put another in its place, \
                     which needs no restart"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_day_before_and_once_an_hour_after() {
        let hours = |hours: u64| Timestamp::default().after(Duration::from_secs(hours * 60 * 60));
        let (mut expiry, end) = (Expiry::default(), hours(1000));
        assert_eq!(expiry.due(end, hours(831)), None);
        assert_eq!(expiry.due(end, hours(832)), Some(Said::Soon));
        assert_eq!(expiry.due(end, hours(855)), None);
        assert_eq!(expiry.due(end, hours(856)), Some(Said::Soon));
        assert_eq!(expiry.due(end, hours(999)), Some(Said::Soon));
        assert_eq!(expiry.due(end, end), Some(Said::Expired));
        assert_eq!(expiry.due(end, end), None);
        assert_eq!(expiry.due(end, hours(1001)), Some(Said::Expired));
        assert_eq!(expiry.due(hours(9000), hours(1001)), None, "it was renewed");
        assert_eq!(expiry.due(hours(1001), hours(1001)), Some(Said::Expired));
    }
}
