//! Streams of server-sent events with the newest figures, bounded in number and in time.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};

use super::recorder::Recorder;

/// Streams at a time, of the 128 connections: probes keep their places.
const MOST: usize = 16;
/// Longest life of a stream. A peer that reads asks for the next; one that does not loses its connection.
const LIFE: Duration = Duration::from_secs(30);
/// Pause of a browser before it asks for the next stream, in milliseconds.
const BEGINNING: &[u8] = b"retry: 1000\n\n";

/// The streams of the listener. Cloning shares their places.
#[derive(Clone)]
pub(super) struct Streams {
    recorder: Recorder,
    places: Arc<Semaphore>,
}

/// One stream.
struct Following {
    recorder: Recorder,
    events: watch::Receiver<Bytes>,
    begun: bool,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Streams {
    /// No stream yet.
    pub(super) fn of(recorder: Recorder) -> Self {
        Self { recorder, places: Arc::new(Semaphore::new(MOST)) }
    }

    /// Begins a stream. `None` where there are too many.
    pub(super) fn begin(&self) -> Option<Body> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let following = Following {
            recorder: self.recorder.clone(),
            events: self.recorder.follow(),
            begun: false,
            until: Instant::now() + LIFE,
            _place: place,
        };
        let events = stream::unfold(following, async |mut following| {
            let event = following.next().await?;
            Some((Ok::<_, Infallible>(event), following))
        });
        Some(Body::from_stream(events))
    }
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            return Some([BEGINNING, &self.recorder.event()].concat().into());
        }
        timeout_at(self.until, self.events.changed()).await.ok()?.ok()?;
        // One that has not taken the event before gets the newest alone.
        Some(self.events.borrow_and_update().clone())
    }
}
