//! When calls are sent, and from when to when they are counted.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

/// The warm-up, then the time that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phases {
    pub(super) start: Instant,
    pub(super) counted_from: Instant,
    pub(super) end: Instant,
}

impl Phases {
    pub(super) fn starting(start: Instant, warm_up: Duration, duration: Duration) -> Self {
        let counted_from = start + warm_up;
        Self { start, counted_from, end: counted_from + duration }
    }

    /// Returns the time for which calls are counted.
    pub(super) fn counted(&self) -> Duration {
        self.end - self.counted_from
    }
}

/// When one stream sends its calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Each once the one before is answered. A server that stalls is asked less, so that the
    /// latencies leave out the calls that were not made (coordinated omission).
    Closed,
    /// At fixed times. A call that is sent late, because the stream still waited for the one
    /// before, counts from when it was due: the latencies leave nothing out. A call that is late
    /// only by the timer, whose resolution is a millisecond, counts from when it was sent.
    Open {
        /// Of the first call, after the start.
        offset: Duration,
        /// From call to call.
        interval: Duration,
    },
}

impl Pace {
    /// The share of stream `number` of `streams` in `rate` calls a second.
    pub(super) fn open(rate: NonZeroU32, number: u32, streams: u32) -> Self {
        let gap = Duration::from_secs(1) / rate.get();
        Self::Open { offset: gap * number, interval: gap * streams }
    }

    /// When the call `step` is due: `None` for at once.
    pub(super) fn due(self, start: Instant, step: u32) -> Option<Instant> {
        match self {
            Self::Closed => None,
            Self::Open { offset, interval } => Some(start + offset + interval * step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_share_the_rate_without_sending_together() {
        let rate = NonZeroU32::new(1_000).expect("above zero");
        let start = Instant::now();
        let mut due: Vec<Duration> = (0..4)
            .flat_map(|number| {
                let pace = Pace::open(rate, number, 4);
                (0..25).filter_map(move |step| Some(pace.due(start, step)? - start))
            })
            .collect();
        due.sort();
        let expected: Vec<Duration> = (0..100).map(Duration::from_millis).collect();
        assert_eq!(due, expected);
    }
}
