//! The barrier: a synchronous commit that comes after a read proves that what was read is durable.
//!
//! A primary that was deposed still answers reads, and one that has just recovered shows commits
//! that its standbys may lack. Neither can commit without them. So no answer rests on a read that
//! was not followed by a commit at the same server; all reads that wait share the next one.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    clock::DatabaseClock,
    connections::{Connection, Connections, rows},
    follower::{End, Follower},
    instance::Instance,
    notices::Notices,
    readiness::Readiness,
    schema,
    session::Server,
};
use crate::{
    domain::time::Clock as _,
    metrics::Histogram,
    store::{ReadError, Sequence, StoreId},
};

/// Reads that wait for one barrier. More are refused.
const WAITING: usize = 4096;
/// How often one is passed at least when nobody waits: what `changed` hears of is no older.
const PERIOD: Duration = Duration::from_millis(100);
/// How soon after a notice the next one makes a barrier: where events are many, one is for many.
const NOTICES_APART: Duration = Duration::from_millis(5);
/// How long the standbys may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is asked how many grants the other instances have made.
const COUNT_PERIOD: Duration = Duration::from_secs(1);

/// The write is the barrier, and the head is read before it is committed: nothing that was
/// committed before this statement began is missing from it. The event there comes with it, by which the
/// feed is known again at another server.
///
/// The clock is read once the row is written and before the commit waits for the standbys.
const PASS: &str = "WITH passed AS (
         INSERT INTO jeton_instances (number, barriers, grants, seen_at) VALUES ($1, 1, $2, now())
         ON CONFLICT (number) DO UPDATE SET
             barriers = jeton_instances.barriers + 1, grants = excluded.grants, seen_at = now()
         RETURNING number
     )
     SELECT head, keys_version, id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, change
     FROM jeton_store, passed, jeton_feed LEFT JOIN jeton_changes ON sequence = head";

/// A barrier that was passed.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    /// The feed's head then.
    pub(super) head: Sequence,
    /// Where.
    pub(super) server: Server,
}

type Waiting = oneshot::Sender<Result<Passed, ReadError>>;

/// Cloning shares it.
#[derive(Clone)]
pub(super) struct Barrier {
    waiting: mpsc::Sender<Waiting>,
    heads: watch::Receiver<Sequence>,
    readiness: watch::Receiver<Readiness>,
}

impl Barrier {
    /// Starts to pass barriers in the name of one opening of the store, until all clones are gone,
    /// and has `follower` follow each.
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
        // Several in each time that what is kept is good for, if it is good for any.
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

    /// Passes a barrier that begins after this call.
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

    /// Whether barriers are passed, and every change of that.
    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.clone()
    }
}

/// Why a barrier was not passed.
enum Missed {
    /// The database did not answer in time: it hangs, or its standbys do.
    Late,
    /// It refused, or the connection is no more.
    Cut,
}

/// The one task that passes them.
struct Passing {
    connections: Connections,
    notices: Notices,
    instance: Arc<Instance>,
    clock: Arc<DatabaseClock>,
    follower: Follower,
    seconds: Histogram,
    /// The connection of the last barrier: the next one has not to wait for another.
    held: Option<Connection>,
    /// When the grants were last counted.
    counted: Option<Instant>,
    /// Where it is listened for notices, for as long as this is kept.
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
                // Whoever gave up does not wait any more.
                let _gone = waiting.send(passed);
            }
            // One that took longer than the period is not followed by a tick at once: whoever has just
            // been told would come too late for that one, and wait for two.
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

    /// Passes one. A connection that was cut since the last one is replaced. Whoever waits has waited
    /// long enough where it was not: the next barrier comes soon, and by a connection of its own.
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

    /// Whoever was deposed has nothing to tell.
    fn listen_at(&mut self, server: Server) {
        if self.listening.as_ref().is_none_or(|(at, _)| *at != server) {
            let mut listening = JoinSet::new();
            listening.spawn(self.notices.clone().listen(self.connections.clone()));
            self.listening = Some((server, listening));
        }
    }

    async fn pass_on(&mut self, connection: &Connection) -> Result<Sequence, ReadError> {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&self.instance.number, &self.instance.own_grants()];
        let began = self.clock.age();
        let rows = rows(connection, PASS, &parameters).await?;
        let row = rows.first().ok_or(ReadError::Corrupt)?;
        let head: i64 = row.try_get(0).map_err(|_| ReadError::Corrupt)?;
        let keys_version: i64 = row.try_get(1).map_err(|_| ReadError::Corrupt)?;
        self.clock.look(began, row.try_get(3).map_err(|_| ReadError::Corrupt)?);
        let id: &[u8] = row.try_get(2).map_err(|_| ReadError::Corrupt)?;
        let id = id.try_into().map_err(|_| ReadError::Corrupt)?;
        let head = u64::try_from(head).map(Sequence).map_err(|_| ReadError::Corrupt)?;
        let event: Option<&[u8]> = row.try_get(4).map_err(|_| ReadError::Corrupt)?;
        let end = End { head, event: event.map(Into::into), server: connection.server };
        // Before anybody hears of the barrier: whoever waits for it may ask for the keys, and goes on
        // in a feed that is still the same.
        self.instance.follow_keys(connection, keys_version).await?;
        self.follow_id(connection, id, end).await
    }

    /// Sees to it that no number of an event means another event than before, and hands back the head.
    /// A standby that took over without some commits makes these numbers again: the store gets another
    /// id then, so that cursors from before are told as another store's.
    async fn follow_id(
        &mut self,
        connection: &Connection,
        id: StoreId,
        end: End,
    ) -> Result<Sequence, ReadError> {
        let own = self.instance.id();
        // An id that another instance has given comes with a head beyond every one from before.
        let goes_on = if id == own {
            self.follower.goes_on_at(connection, end.head).await?
        } else {
            !self.follower.has_seen_beyond(end.head)
        };
        let (id, end) = if goes_on {
            (id, end)
        } else {
            tracing::error!("the database has lost commits: all caches of answers begin again");
            let (id, head) = schema::begin_feed(connection, id, own).await?;
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

    /// Brings to the caches what a barrier has shown that began at `began`.
    async fn follow(&mut self, passed: Passed, began: Instant) {
        let Some(connection) = self.held.take() else { return };
        let due = self.counted.is_none_or(|counted| began - counted >= COUNT_PERIOD);
        let followed = timeout(TIMEOUT, async {
            self.follower.follow(&connection, passed.head, began).await?;
            if due { self.instance.count(&connection).await } else { Ok(()) }
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
