//! The barrier: a synchronous commit that comes after a read proves that what was read is durable.
//!
//! A primary that was deposed still answers reads, and one that has just recovered shows commits
//! that its standbys may lack. Neither can commit without them. So no answer rests on a read that
//! was not followed by a commit; all reads that wait share the next one.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{connections::Connections, follower::Follower, outcome};
use crate::store::{ReadError, Sequence};

/// Reads that wait for one barrier. More are refused.
const WAITING: usize = 4096;
/// How often one is passed when nobody waits: what `changed` hears of is no older.
const PERIOD: Duration = Duration::from_millis(100);
/// How long the standbys may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The update is the barrier, and the head is read before it is committed: nothing that was
/// committed before this statement began is missing from it.
const PASS: &str = "WITH passed AS (
         UPDATE jeton_instances SET barriers = barriers + 1, seen_at = now() WHERE number = $1
         RETURNING number
     )
     SELECT head FROM jeton_feed, passed";

type Waiting = oneshot::Sender<Result<Sequence, ReadError>>;

/// Cloning shares it.
#[derive(Clone)]
pub(super) struct Barrier {
    waiting: mpsc::Sender<Waiting>,
    heads: watch::Receiver<Sequence>,
}

impl Barrier {
    /// Starts to pass barriers in the name of one opening of the store, until all clones are gone,
    /// and has `follower` follow each.
    pub(super) fn start(connections: Connections, opening: i64, follower: Follower) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        let (head, heads) = watch::channel(Sequence::default());
        tokio::spawn(pass_all(connections, opening, queue, head, follower));
        Self { waiting, heads }
    }

    /// Passes a barrier that begins after this call, and returns the head of the feed then.
    pub(super) async fn pass(&self) -> Result<Sequence, ReadError> {
        let (sender, passed) = oneshot::channel();
        self.waiting.try_send(sender).map_err(|_| ReadError::Unavailable)?;
        passed.await.unwrap_or(Err(ReadError::Unavailable))
    }

    /// Waits for a head beyond `after`.
    pub(super) async fn beyond(&self, after: Sequence) -> Result<(), ReadError> {
        let mut heads = self.heads.clone();
        let beyond = heads.wait_for(|head| *head > after).await;
        beyond.map(drop).map_err(|_| ReadError::Unavailable)
    }
}

async fn pass_all(
    connections: Connections,
    opening: i64,
    mut queue: mpsc::Receiver<Waiting>,
    head: watch::Sender<Sequence>,
    mut follower: Follower,
) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            received = queue.recv_many(&mut waiting, WAITING) => {
                if received == 0 {
                    return;
                }
            }
            _ = ticks.tick() => {}
        }
        let began = Instant::now();
        let passed = timeout(TIMEOUT, pass(&connections, opening)).await;
        let passed = passed.unwrap_or(Err(ReadError::Unavailable));
        for waiting in waiting.drain(..) {
            // Whoever gave up does not wait any more.
            let _gone = waiting.send(passed);
        }
        if let Ok(passed) = passed {
            follower.follow(passed, began).await;
            head.send_if_modified(|head| {
                let moved = passed > *head;
                *head = passed.max(*head);
                moved
            });
        }
    }
}

async fn pass(connections: &Connections, opening: i64) -> Result<Sequence, ReadError> {
    let client = connections.get().await.map_err(|_| ReadError::Unavailable)?;
    let statement = client.prepare_cached(PASS).await.map_err(|error| outcome::of_read(&error))?;
    let row = client.query_one(&statement, &[&opening]).await;
    let row = row.map_err(|error| outcome::of_read(&error))?;
    let head: i64 = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
    u64::try_from(head).map(Sequence).map_err(|_| ReadError::Corrupt)
}
