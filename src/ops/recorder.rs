//! Reads the metrics every few seconds and keeps what people look at: the newest figures, their history and
//! recent refusals.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Exposition, Readiness,
    liveness::Liveness,
    page,
    recorded::{Lately, Recorded},
    standing::Standing,
};
use crate::{
    domain::time::Clock,
    figures::{History, Interval, Reading, Refusal, Snapshot},
};

/// Interval between two readings.
const EVERY: Duration = Duration::from_secs(5);
/// Moments of the charts: 15 minutes.
const MOMENTS: usize = 180;
/// Readings between two counts of refusals that are kept, and how many are kept: 15 minutes.
const COUNTED_EVERY: u32 = 12;
const COUNTS: usize = 15;

/// Cloning shares it.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Recording>);

struct Recording {
    exposition: Exposition,
    liveness: Liveness,
    readiness: Readiness,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    /// The newest event, for those who follow.
    events: watch::Sender<Bytes>,
}

/// A page, and what it was made of.
struct Made {
    standing: Standing,
    readings: u32,
    html: Bytes,
}

struct Kept {
    recorded: Recorded,
    page: Option<Made>,
    last: Option<(Instant, Reading)>,
    readings: u32,
    /// Refusals by cause, a minute apart, the oldest first.
    counts: VecDeque<Vec<Refusal>>,
}

impl Recorder {
    /// Has read nothing yet.
    pub(super) fn new(
        exposition: Exposition,
        liveness: Liveness,
        readiness: Readiness,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let recorded = Recorded {
            snapshot: Snapshot::default(),
            history: History::of(MOMENTS),
            lately: Vec::new(),
        };
        let kept = Kept { recorded, page: None, last: None, readings: 0, counts: VecDeque::new() };
        let (kept, events) = (Mutex::new(kept), watch::Sender::new(Bytes::new()));
        Self(Arc::new(Recording { exposition, liveness, readiness, clock, kept, events }))
    }

    /// Reads for ever. A change of readiness is an event at once.
    pub(super) async fn run(self) -> Infallible {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readiness = self.0.readiness.follow();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.read(),
                _ = readiness.changed() => {}
            }
            if self.0.events.receiver_count() > 0 {
                self.0.events.send_replace(self.event());
            }
        }
    }

    /// Returns the page as it is now. It is made once for each reading and state, however many ask: the
    /// thread answers probes as well.
    pub(super) fn page(&self) -> Bytes {
        let standing = self.standing();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { recorded, readings, page, .. } = &mut *kept;
        let made =
            page.take().filter(|made| made.standing == standing && made.readings == *readings);
        let made = made.unwrap_or_else(|| {
            let html = page::page(&standing, recorded).into();
            Made { standing, readings: *readings, html }
        });
        let html = made.html.clone();
        *page = Some(made);
        html
    }

    /// Returns the newest figures as a server-sent event.
    pub(super) fn event(&self) -> Bytes {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fragment = page::fragment(&self.standing(), &kept.recorded);
        format!("event: figures\ndata: {fragment}\n\n").into()
    }

    /// Follows the events from now on.
    pub(super) fn follow(&self) -> watch::Receiver<Bytes> {
        self.0.events.subscribe()
    }

    fn standing(&self) -> Standing {
        Standing::now(&self.0.liveness, &self.0.readiness)
    }

    fn read(&self) {
        let text = self.0.exposition.text();
        let read = std::str::from_utf8(&text).ok().and_then(|text| Reading::parse(text).ok());
        // The text is our own: where it cannot be read, the figures stay as they are.
        let Some(reading) = read else { return };
        let now = Duration::from_millis(self.0.clock.now().as_millis()).as_secs_f64();
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take(reading, now);
    }
}

impl Kept {
    fn take(&mut self, reading: Reading, now: f64) {
        let at = Instant::now();
        let before = self.last.take();
        let seconds = before.as_ref().map_or(0.0, |(then, _)| (at - *then).as_secs_f64());
        let snapshot = Snapshot::of(&Interval {
            before: before.as_ref().map(|(_, reading)| reading),
            after: &reading,
            seconds,
            now,
        });
        self.recorded.lately = self.lately(&snapshot.refusals);
        if self.readings.is_multiple_of(COUNTED_EVERY) {
            if self.counts.len() == COUNTS {
                self.counts.pop_front();
            }
            self.counts.push_back(snapshot.refusals.clone());
        }
        self.readings = self.readings.wrapping_add(1);
        if before.is_some() {
            self.recorded.history.push(Some(&snapshot));
        }
        self.recorded.snapshot = snapshot;
        self.last = Some((at, reading));
    }

    /// Returns the refusals of the time that is kept, the most frequent first.
    fn lately(&self, refusals: &[Refusal]) -> Vec<Lately> {
        let then = |cause: &str| {
            let oldest = self.counts.front()?.iter().find(|refusal| refusal.cause == cause)?;
            Some(oldest.total)
        };
        let lately = refusals.iter().map(|Refusal { cause, total, .. }| {
            let recent = total - then(cause).unwrap_or_default();
            Lately { cause: cause.clone(), recent, total: *total }
        });
        let mut lately: Vec<_> = lately.collect();
        lately.sort_by(|one, other| {
            let most = other.recent.total_cmp(&one.recent).then(other.total.total_cmp(&one.total));
            most.then_with(|| one.cause.cmp(&other.cause))
        });
        lately
    }
}
