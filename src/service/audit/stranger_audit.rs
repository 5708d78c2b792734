//! Rations audit lines of strangers: a few a second are written one by one, the rest is summed up.
//!
//! A stranger is a caller without proof: no secret, no certificate, no token. Without this each of
//! their calls would be a line of the audit, as fast as they can send them.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use super::audit_line::{Line, TARGET};
use crate::{
    domain::{cause::Cause, client_id::ClientId, time::Timestamp},
    metrics::Rate,
};

/// Lines a second in the long run.
const LINES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
/// Lines at once after a pause.
const BURST: NonZeroU32 = NonZeroU32::new(100).expect("100 is not 0");
/// Sums that are kept apart by client and address; what comes beyond is summed up without these.
const MOST_SUMS: usize = 64;

/// The ration, and the sums of what went beyond it.
pub(in crate::service) struct StrangerAudit {
    rate: Rate,
    sums: Mutex<Vec<Sum>>,
}

/// Lines that say the same, which were not written.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    event: &'static str,
    outcome: &'static str,
    reason: Option<&'static str>,
    cause: Option<Cause>,
    client_id: Option<ClientId>,
    peer: Option<Box<str>>,
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl StrangerAudit {
    /// A full ration, and nothing summed up.
    pub(in crate::service) fn new() -> Self {
        Self { rate: Rate::new(LINES, BURST), sums: Mutex::default() }
    }

    /// Returns whether one more line may be written, and takes it from the ration.
    pub(in crate::service) fn may_tell(&self) -> bool {
        self.rate.allows()
    }

    /// Writes the line, or adds it to its sum.
    pub(in crate::service) fn write(&self, line: &Line<'_>, now: Timestamp) {
        if self.may_tell() {
            line.write();
        } else {
            self.add(line, now);
        }
    }

    fn add(&self, line: &Line<'_>, now: Timestamp) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |sum: &&mut Sum| sum.is_of(line, line.client_id, line.peer);
        if let Some(sum) = sums.iter_mut().find(known) {
            return sum.add(now);
        }
        if sums.len() < MOST_SUMS {
            return sums.push(Sum::of(line, line.client_id, line.peer, now));
        }
        match sums.iter_mut().find(|sum| sum.is_of(line, None, None)) {
            Some(sum) => sum.add(now),
            // Events and reasons are few.
            None => sums.push(Sum::of(line, None, None, now)),
        }
    }

    /// Writes what was summed up since the last time, one line a sum.
    pub(in crate::service) fn sum_up(&self) {
        let sums = std::mem::take(&mut *self.sums.lock().unwrap_or_else(PoisonError::into_inner));
        for sum in sums {
            sum.write();
        }
    }
}

impl Sum {
    fn of(
        line: &Line<'_>,
        client_id: Option<&ClientId>,
        peer: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            event: line.event,
            outcome: line.outcome,
            reason: line.reason,
            cause: line.cause,
            client_id: client_id.cloned(),
            peer: peer.map(Into::into),
            count: 1,
            first: now,
            last: now,
        }
    }

    fn is_of(&self, line: &Line<'_>, client_id: Option<&ClientId>, peer: Option<&str>) -> bool {
        (self.event, self.outcome) == (line.event, line.outcome)
            && (self.reason, self.cause) == (line.reason, line.cause)
            && self.client_id.as_ref() == client_id
            && self.peer.as_deref() == peer
    }

    /// Clocks step back: the first stays the first.
    fn add(&mut self, now: Timestamp) {
        self.count += 1;
        self.last = self.last.max(now);
    }

    fn write(&self) {
        tracing::info!(
            target: TARGET,
            event = self.event,
            outcome = self.outcome,
            reason = self.reason,
            cause = self.cause.map(Cause::name),
            client_id = self.client_id.as_ref().map(ClientId::as_str),
            peer = self.peer.as_deref(),
            count = self.count,
            first = %utc(self.first),
            last = %utc(self.last),
            "audit"
        );
    }
}

/// RFC 3339, as the lines' own times are written.
fn utc(time: Timestamp) -> impl fmt::Display {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(time.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn line<'a>(peer: &'a str, reason: &'static str) -> Line<'a> {
        Line {
            event: "authenticate",
            outcome: "refused",
            reason: Some(reason),
            cause: None,
            client_id: None,
            peer: Some(peer),
            concerned: None,
        }
    }

    #[test]
    fn what_goes_beyond_the_ration_is_summed_up_with_how_often_and_when() {
        let audit = StrangerAudit::new();
        for second in 0..10_000 {
            audit.add(&line("192.0.2.1", "INVALID_CLIENT"), Timestamp::from_millis(second * 1_000));
        }
        audit.add(&line("192.0.2.1", "INVALID_CLIENT"), Timestamp::from_millis(5));
        let sums = audit.sums.lock().expect("no panic");
        let [sum] = &sums[..] else { panic!("{sums:?}") };
        assert_eq!((sum.count, sum.first.as_secs(), sum.last.as_secs()), (10_001, 0, 9_999));
        assert_eq!(utc(sum.last).to_string(), "1970-01-01T02:46:39.000Z");
    }

    #[test]
    fn the_ration_is_a_burst_and_then_a_trickle() {
        let audit = StrangerAudit::new();
        let told = (0..10_000).filter(|_| audit.may_tell()).count();
        // As many as there are at once, and one for each tenth of a second that this took.
        assert!((100..1_000).contains(&told), "{told}");
    }

    #[test]
    fn strangers_from_everywhere_take_no_more_memory_than_a_few() {
        let audit = StrangerAudit::new();
        for number in 0..100_000_u32 {
            let peer = std::net::Ipv4Addr::from(number).to_string();
            let reason = if number % 2 == 0 { "INVALID_CLIENT" } else { "INVALID_GRANT" };
            audit.add(&line(&peer, reason), Timestamp::from_millis(7));
        }
        let sums = audit.sums.lock().expect("no panic");
        assert_eq!(sums.len(), MOST_SUMS + 2);
        assert_eq!(sums.iter().map(|sum| sum.count).sum::<u64>(), 100_000);
        drop(sums);
        audit.sum_up();
        assert_eq!(*audit.sums.lock().expect("no panic"), []);
    }
}
