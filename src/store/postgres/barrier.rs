//! The barrier: a synchronous commit after a read proves that the read's result is durable.
//!
//! A deposed primary still answers reads, and a primary that has just recovered shows commits that
//! its standbys may lack. Neither can commit without its standbys. So no answer rests on a read
//! that was not followed by a commit at the same server, or by a write that names the versions that the
//! read showed. All waiting reads share the next commit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    clock::DatabaseClock,
    connections::{Connection, Connections, rows},
    feed,
    follower::{End, Follower},
    instance::Instance,
    notices::Notices,
    outcome,
    readiness::Readiness,
    session::Server,
};
use crate::{
    domain::time::Clock as _,
    metrics::Histogram,
    store::{ReadError, Sequence, StoreId},
};

/// Maximum number of reads that wait for one barrier. Further ones are refused.
const WAITING: usize = 4096;
/// Maximum time between two barriers if no read waits: bounds the delay of `changed`.
const PERIOD: Duration = Duration::from_millis(100);
/// Minimum time between two barriers made by notices: at many events, one barrier serves many.
const NOTICES_APART: Duration = Duration::from_millis(5);
/// Maximum time for the standbys to confirm.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Time between two counts of the other instances' grants.
const COUNT_PERIOD: Duration = Duration::from_secs(1);

/// The write is the barrier. Before it, every event that was committed before this statement began
/// gets a number, so the head includes it. The event at the head is returned too. It identifies the
/// feed at another server. The feed's row is locked before the instance's own, as everywhere.
///
/// The clock is read after the row is written, before the commit waits for the standbys. Listeners
/// are notified if there is something new and `$3` is true. The last column is `false` where commits wait for
/// no standby.
const PASS: &str = "WITH feed AS MATERIALIZED (SELECT * FROM jeton_number()),
     passed AS (
         INSERT INTO jeton_instances (number, barriers, grants, seen_at)
         SELECT $1::bigint, 1, $2::bigint, now() FROM feed
         ON CONFLICT (number) DO UPDATE SET
             barriers = jeton_instances.barriers + 1, grants = excluded.grants, seen_at = now()
         RETURNING number
     )
     SELECT end_at, keys_at, store_id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
         end_change,
         CASE WHEN $3::boolean AND numbered > 0 THEN pg_notify('jeton_feed', $1::text)::text END,
         coalesce(current_setting('synchronous_standby_names', true), '?') <> ''
     FROM feed, passed";

/// Result of a successful barrier.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    /// The feed's head at that time.
    pub(super) head: Sequence,
    /// The server that committed.
    pub(super) server: Server,
}

type Waiting = oneshot::Sender<Result<Passed, ReadError>>;

/// A handle for the barrier's task. Clones share it.
#[derive(Clone)]
pub(super) struct Barrier {
    waiting: mpsc::Sender<Waiting>,
    heads: watch::Receiver<Sequence>,
    readiness: watch::Receiver<Readiness>,
}

impl Barrier {
    /// Starts the task that passes barriers for one opening of the store until all clones are
    /// dropped. `follower` follows each barrier.
    pub(super) fn start(
        connections: Connections,
        notices: Notices,
        instance: Arc<Instance>,
        clock: Arc<DatabaseClock>,
        follower: Follower,
        max_staleness: Duration,
        seconds: Histogram,
    ) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        let (head, heads) = watch::channel(Sequence::default());
        let (ready, readiness) = watch::channel(Readiness::Ready);
        // Several barriers within the time for which cached records are valid, if they are valid at
        // all.
        let period = if max_staleness.is_zero() { PERIOD } else { PERIOD.min(max_staleness / 4) };
        let passing = Passing {
            connections,
            notices,
            instance,
            clock,
            follower,
            seconds,
            held: None,
            counted: None,
            listening: None,
        };
        tokio::spawn(passing.run(period, queue, head, ready));
        Self { waiting, heads, readiness }
    }

    /// Waits for a barrier that begins after this call.
    pub(super) async fn pass(&self) -> Result<Passed, ReadError> {
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

    /// Returns the readiness for commits, with every change of it.
    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.clone()
    }
}

/// The reason for a failed barrier.
enum Missed {
    /// The database did not answer in time: the primary or its standbys hang.
    Late,
    /// The database refused the write, or the connection was cut.
    Cut,
}

/// The one task that passes barriers.
struct Passing {
    connections: Connections,
    notices: Notices,
    instance: Arc<Instance>,
    clock: Arc<DatabaseClock>,
    follower: Follower,
    seconds: Histogram,
    /// Connection of the last barrier, kept so that the next one need not wait for a connection.
    held: Option<Connection>,
    /// Time of the last count of grants.
    counted: Option<Instant>,
    /// The server that sends notices, with the task that listens to it.
    listening: Option<(Server, JoinSet<()>)>,
}

impl Passing {
    async fn run(
        mut self,
        period: Duration,
        mut queue: mpsc::Receiver<Waiting>,
        head: watch::Sender<Sequence>,
        ready: watch::Sender<Readiness>,
    ) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        let mut noticed = Instant::now();
        loop {
            tokio::select! {
                received = queue.recv_many(&mut waiting, WAITING) => {
                    if received == 0 {
                        return;
                    }
                }
                () = self.notices.after(noticed + NOTICES_APART) => noticed = Instant::now(),
                _ = ticks.tick() => {}
            }
            let began = Instant::now();
            let passed = self.pass().await;
            if let Ok(passed) = passed {
                self.follower.passed(passed.head);
            }
            self.seconds.observe(began.elapsed().as_secs_f64());
            for waiting in waiting.drain(..) {
                // Some readers may have stopped waiting.
                let _gone = waiting.send(passed);
            }
            // Restart the timer after a barrier that exceeded the period. A tick fired now would
            // miss the readers that were just released, and they would wait for two barriers.
            ticks.reset();
            ready.send_if_modified(|readiness| readiness.now(passed.is_ok()));
            if let Ok(passed) = passed {
                self.follow(passed, began).await;
                head.send_if_modified(|head| {
                    let moved = passed.head != *head;
                    *head = passed.head;
                    moved
                });
            }
        }
    }

    /// Passes one barrier. Replaces a connection that was cut since the last barrier. After a
    /// timeout it returns an error, since its readers have waited long enough: the next barrier
    /// comes soon, on a connection of its own.
    async fn pass(&mut self) -> Result<Passed, ReadError> {
        if let Some(held) = self.held.take() {
            match self.pass_at(held).await {
                Ok(passed) => return Ok(passed),
                Err(Missed::Late) => return Err(ReadError::Unavailable),
                Err(Missed::Cut) => {}
            }
        }
        let connection = self.connections.get().await.map_err(|_| ReadError::Unavailable)?;
        self.pass_at(connection).await.map_err(|_| ReadError::Unavailable)
    }

    async fn pass_at(&mut self, connection: Connection) -> Result<Passed, Missed> {
        let server = connection.server;
        let missed = match timeout(TIMEOUT, self.pass_on(&connection)).await {
            Ok(Ok(head)) => {
                self.connections.keep_to(server);
                self.listen_at(server);
                self.held = Some(connection);
                return Ok(Passed { head, server });
            }
            Ok(Err(_)) => Missed::Cut,
            Err(_) => Missed::Late,
        };
        drop(Connection::take(connection));
        self.connections.leave(server);
        Err(missed)
    }

    /// Listens only at the current server: a deposed one has no new events.
    fn listen_at(&mut self, server: Server) {
        if self.listening.as_ref().is_none_or(|(at, _)| *at != server) {
            let mut listening = JoinSet::new();
            let notices = self.notices.clone();
            listening.spawn(notices.listen(self.connections.clone(), self.instance.number));
            self.listening = Some((server, listening));
        }
    }

    async fn pass_on(&mut self, connection: &Connection) -> Result<Sequence, ReadError> {
        let announced = self.notices.are_known();
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&self.instance.number, &self.instance.own_grants(), &announced];
        let began = self.clock.age();
        let rows = rows(connection, PASS, &parameters).await?;
        let row = rows.first().ok_or(ReadError::Corrupt)?;
        // It has committed alone, and so does every write that it acknowledges.
        if self.connections.require_standby && !row.try_get(6).unwrap_or(false) {
            return Err(ReadError::Unavailable);
        }
        let head: i64 = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
        let keys_version: i64 = row.try_get(1).map_err(|_| ReadError::Corrupt)?;
        self.clock.look(began, row.try_get(3).map_err(|_| ReadError::Corrupt)?);
        let id: &[u8] = row.try_get(2).map_err(|_| ReadError::Corrupt)?;
        let id = id.try_into().map_err(|_| ReadError::Corrupt)?;
        let head = u64::try_from(head).map(Sequence).map_err(|_| ReadError::Corrupt)?;
        let event: Option<&[u8]> = row.try_get(4).map_err(|_| ReadError::Corrupt)?;
        let end = End { head, event: event.map(Into::into), server: connection.server };
        // The keys are read before the barrier's readers are released, since a reader can ask for
        // the keys and goes on in a feed that is still the same.
        self.instance.follow_keys(connection, keys_version).await?;
        self.follow_id(connection, id, end).await
    }

    /// Ensures that no number of an event gets a second meaning, and returns the head. A standby
    /// that took over without some commits uses their numbers again: the store then gets another
    /// id, so that older cursors are refused as another store's.
    async fn follow_id(
        &mut self,
        connection: &Connection,
        id: StoreId,
        end: End,
    ) -> Result<Sequence, ReadError> {
        let own = self.instance.id();
        // An id that another instance has assigned comes with a head beyond all earlier ones.
        let goes_on = if id == own {
            self.follower.goes_on_at(connection, end.head).await?
        } else {
            !self.follower.has_seen_beyond(end.head)
        };
        let (id, end) = if goes_on {
            (id, end)
        } else {
            tracing::error!("the database has lost commits: all caches of answers begin again");
            let (id, head) = feed::begin_feed(connection, id, own).await?;
            (id, End { head, event: None, ..end })
        };
        if id != own {
            self.follower.begin_again();
            self.instance.set_id(id);
        }
        let head = end.head;
        self.follower.saw(end);
        Ok(head)
    }

    /// Applies the events of a barrier to the caches. The barrier began at `began`.
    async fn follow(&mut self, passed: Passed, began: Instant) {
        let Some(connection) = self.held.take() else { return };
        let due = self.counted.is_none_or(|counted| began - counted >= COUNT_PERIOD);
        let followed = timeout(TIMEOUT, async {
            self.follower.follow(&connection, passed.head, began).await?;
            if !due {
                return Ok(());
            }
            self.instance.count(&connection).await?;
            // The next barrier finds a feed that is begun here.
            let (number, id) = (self.instance.number, self.instance.id());
            let settled = self.follower.succession.settle(&connection, number, id).await;
            settled.map(drop).map_err(|error| outcome::of_read(&error))
        });
        if followed.await.is_ok_and(|followed| followed.is_ok()) {
            if due {
                self.counted = Some(began);
            }
            self.held = Some(connection);
        } else {
            drop(Connection::take(connection));
        }
    }
}
