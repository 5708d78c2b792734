//! Follows the feed of revocations, and proves repeatedly how current it is.

use std::{convert::Infallible, sync::Arc, time::Duration};

use backon::BackoffBuilder as _;
use tokio::time::{self, MissedTickBehavior, timeout};
use tonic::{Code, Status};

use super::{counters::count, cursor::Cursor, session::Session};
use crate::{
    client::{Error, Limits, retry},
    proto::v1::{WatchRevocationsRequest, WatchRevocationsResponse},
};

/// Maximum silence of the watch: the server sends something every second.
const SILENCE: Duration = Duration::from_secs(3);
/// Maximum pause before the watch is resumed. Pauses grow up to it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Length of the first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Number of barriers requested in the validity time of a proof.
const BARRIERS: u32 = 4;

/// Watches forever: resumes a broken watch, and starts a new one if the old cannot be resumed.
pub(super) async fn follow(session: Arc<Session>) {
    let limits =
        Limits { first_pause: FIRST_PAUSE, longest_pause: LONGEST_PAUSE, ..Limits::default() };
    let pauses = || retry::pauses(&limits).build();
    let mut pause = pauses();
    loop {
        let mut heard = false;
        let Err(error) = watch(&session, &mut heard).await;
        session.last_error.set(session.clock.now(), &error);
        if heard {
            pause = pauses();
        }
        if lost(&error) {
            tracing::warn!(%error, "the watch cannot be resumed: everything is asked for anew");
            session.freshness.end();
            session.memory.forget_all();
            count(&session.counters.begun_anew);
        } else {
            tracing::info!(%error, "the watch broke");
            count(&session.counters.resumed);
        }
        let longest = pause.next().unwrap_or(LONGEST_PAUSE);
        // A stopping server requests the same wait from all watches. The random part spreads their
        // return.
        time::sleep(error.wait().unwrap_or_default() + retry::some_of(longest)).await;
    }
}

/// Returns `true` if the cursor is no longer usable. This includes a cursor that the server cannot
/// parse.
fn lost(error: &Error) -> bool {
    match error {
        Error::CursorOutOfRange(_) => true,
        Error::Request(status) => status.code() == Code::InvalidArgument,
        Error::Credentials(_)
        | Error::Grant(_)
        | Error::Forbidden(_)
        | Error::Throttled { .. }
        | Error::Unavailable { .. }
        | Error::Server { .. } => false,
    }
}

/// Resumes or starts the watch, and applies its messages until it breaks.
async fn watch(session: &Session, heard: &mut bool) -> Result<Infallible, Error> {
    let (cursor, snapshot) = match session.freshness.cursor() {
        Some(cursor) => (cursor.into(), false),
        None => begin(session).await?,
    };
    let request = WatchRevocationsRequest { cursor, snapshot };
    let mut stream = audible(session.client.watch_revocations(request)).await?;
    loop {
        let response = audible(async { Ok(stream.message().await?) }).await?;
        *heard = true;
        match response {
            Some(response) => apply(session, response),
            None => return Err(Status::unavailable("the watch ended").into()),
        }
    }
}

/// Starts at the current end of the feed, since memory is empty: returns its cursor. If signed tokens are
/// judged at first sight, starts earlier, at the snapshot, and the first response has the cursor.
async fn begin(session: &Session) -> Result<(String, bool), Error> {
    let end = session.client.end_of_feed().await?;
    let cursor = Cursor::new(end.cursor);
    let cursor = cursor.ok_or_else(|| Status::unknown("a cursor without an order"))?;
    // Order matters: answers to questions from before the cursor can lack earlier revocations.
    session.memory.begin(end.feed_position);
    if session.judges() {
        return Ok((String::new(), true));
    }
    session.freshness.begin(cursor.clone());
    Ok((cursor.into(), false))
}

fn apply(session: &Session, response: WatchRevocationsResponse) {
    let WatchRevocationsResponse { revocations, cursor, feed_position, .. } = response;
    let WatchRevocationsResponse { checkpoint, coverage, .. } = response;
    let time = session.cover(coverage);
    // Order matters: the cursor proves that these were applied.
    session.memory.apply(&revocations, feed_position, time);
    session.counters.applied(revocations.len());
    if checkpoint {
        session.memory.reached(time);
    }
    let Some(cursor) = Cursor::new(cursor) else { return };
    if session.freshness.cursor().is_some() {
        session.freshness.applied(cursor);
    } else {
        session.freshness.begin(cursor);
    }
}

async fn audible<T>(hear: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(SILENCE, hear).await.unwrap_or_else(|_| Err(Error::deadline()))
}

/// Requests the end of the feed forever, often enough that an up-to-date watch stays proven.
pub(super) async fn prove(session: Arc<Session>) {
    let max_staleness = session.options.max_staleness;
    // Sent once: the answer to a retry would prove less than the answer to the next question. A
    // longer call would prove nothing any more.
    let limits = Limits { deadline: max_staleness, retries: 0, ..Limits::default() };
    let client = session.client.clone().limits(limits);
    let mut ticks = time::interval((max_staleness / BARRIERS).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = session.clock.now();
        if let Ok(cursor) = client.get_revocation_cursor().await
            && let Some(cursor) = Cursor::new(cursor)
        {
            session.freshness.barrier(asked, cursor);
        }
    }
}
