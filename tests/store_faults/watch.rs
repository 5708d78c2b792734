//! Watches over a store that cannot be read: they end and say so, miss nothing, and begin again when it can.

use std::time::Duration;

use jeton::{
    domain::{
        client::{Client, IntrospectReach},
        error::Error,
    },
    service::{Cursor, NotificationBatch, Watch, WatchFrom},
    store::{ReadError, Records, Store as _, Write, faulty::ReadFault},
};
use tokio::time::{Instant, pause, resume, timeout};

use super::world::{World, is_failure};

impl World {
    async fn watch(&self, from: WatchFrom) -> Result<Watch, Error> {
        self.service
            .revocations
            .watch_revocations(&self.caller, self.credentials.clone(), from)
            .await
    }

    fn fail_reads(&self, error: ReadError) {
        self.store.plan_reads(move || Some(ReadFault::Fails(error)));
    }

    /// Reads on until the watch ends: the last response before that, and why.
    async fn end(&self, watch: &mut Watch) -> (Option<Cursor>, Error) {
        let mut last = None;
        loop {
            match self.service.revocations.next_revocations(watch).await {
                Ok(watched) => last = Some(watched.cursor),
                Err(error) => return (last, error),
            }
        }
    }

    async fn next(&self, watch: &mut Watch) -> NotificationBatch {
        self.service.revocations.next_revocations(watch).await.expect("a response")
    }
}

/// Runs beside the reader of the feed.
async fn followed<T>(world: &World, test: impl Future<Output = T>) -> T {
    tokio::select! {
        never = world.service.revocations.follow_revocations() => match never {},
        outcome = test => outcome,
    }
}

#[tokio::test]
async fn a_watch_ends_when_the_store_cannot_be_read_and_goes_on_where_it_was_when_it_can() {
    for error in [ReadError::Unavailable, ReadError::Corrupt] {
        let world = World::new(43).await;
        pause();
        followed(&world, async {
            let mut watch = world.watch(WatchFrom::Now).await.expect("a watch");
            let begun = world.next(&mut watch).await;
            assert!(begun.checkpoint);
            world.fail_reads(error);
            let (last, why) = world.end(&mut watch).await;
            assert!(is_failure(&why), "{why}");
            let refused = world.watch(WatchFrom::Now).await.map(drop);
            assert!(refused.is_err_and(|why| is_failure(&why)));

            world.store.plan_reads(|| None);
            world.end_all_of_user().await.expect("the store is well");
            let cursor = last.unwrap_or(begun.cursor);
            let mut resumed = world.watch(WatchFrom::Cursor(cursor)).await.expect("a watch");
            let first = world.next(&mut resumed).await;
            assert_eq!(first.notifications.len(), 1, "{:?}", first.notifications);
        })
        .await;
        resume();
    }
}

/// For how long validators bear a watch that says nothing.
const SILENCE: Duration = Duration::from_secs(3);
/// Most times that the watch may be resumed.
const RESUMED: usize = 20;

impl World {
    /// The caller hears of what is its own only, and the user has so many grants of it.
    async fn own_with_grants(&mut self, count: usize) {
        for _ in 0..count {
            self.issue(None).await.expect("a grant");
        }
        let found = Records::<Client>::get(&self.memory, self.caller.id()).await.expect("a read");
        let found = found.expect("the client");
        let mut own = (*found).clone();
        own.introspect = IntrospectReach::Own;
        self.memory.clients().write(Write::Replace(found.version(), own)).await.expect("written");
        let caller = self.service.authentication.authenticate_client(&self.credentials).await;
        self.caller = caller.expect("the client");
    }

    fn slow_reads(&self, time: Duration) {
        self.store.plan_reads(move || Some(ReadFault::Takes(time)));
    }
}

/// Each read takes as long as over a wire. The watch is cut off each time it says nothing for as
/// long as a validator waits, and resumed at its place.
#[tokio::test]
async fn a_change_of_a_user_with_many_grants_is_told_over_a_slow_store_to_a_watch_that_is_cut() {
    let mut world = World::new(44).await;
    world.own_with_grants(700).await;
    pause();
    followed(&world, async {
        let mut watch = world.watch(WatchFrom::Now).await.expect("a watch");
        let mut cursor = world.next(&mut watch).await.cursor;
        world.end_all_of_user().await.expect("the store is well");
        world.slow_reads(Duration::from_millis(10));
        let began = Instant::now();
        for _ in 0..RESUMED {
            while let Ok(next) =
                timeout(SILENCE, world.service.revocations.next_revocations(&mut watch)).await
            {
                let next = next.expect("a response");
                cursor = next.cursor;
                if !next.notifications.is_empty() {
                    println!("told after {:?}", began.elapsed());
                    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
                    return;
                }
            }
            watch = world.watch(WatchFrom::Cursor(cursor)).await.expect("a watch");
        }
        panic!("cut off {RESUMED} times, and told nothing");
    })
    .await;
    resume();
}

/// A search that takes longer than any watch is borne goes on, and the watch says that it does.
#[tokio::test]
async fn a_watch_that_has_to_find_out_who_may_hear_is_not_silent_meanwhile() {
    let mut world = World::new(45).await;
    world.own_with_grants(1_000).await;
    pause();
    followed(&world, async {
        let mut watch = world.watch(WatchFrom::Now).await.expect("a watch");
        world.next(&mut watch).await;
        world.end_all_of_user().await.expect("the store is well");
        world.slow_reads(Duration::from_millis(400));
        let began = Instant::now();
        loop {
            let next =
                timeout(SILENCE, world.service.revocations.next_revocations(&mut watch)).await;
            let next = next.expect("not silent").expect("a response");
            if !next.notifications.is_empty() {
                break;
            }
            assert!(!next.checkpoint, "something is not told yet");
        }
        assert!(began.elapsed() > SILENCE, "the search was none: {:?}", began.elapsed());
    })
    .await;
    resume();
}

/// A watch that waits for a search may go: the next one takes it up where it stood, also after the
/// store could not be read.
#[tokio::test]
async fn a_search_that_was_cut_off_by_the_store_is_taken_up_where_it_stood() {
    let mut world = World::new(46).await;
    world.own_with_grants(1_000).await;
    pause();
    let search = async {
        let mut watch = world.watch(WatchFrom::Now).await.expect("a watch");
        let mut cursor = world.next(&mut watch).await.cursor;
        world.end_all_of_user().await.expect("the store is well");
        // Enough for a piece of the search, never for all of it.
        let mut told = false;
        let mut failures = 0;
        while !told {
            let mut reads = 0;
            world.store.plan_reads(move || {
                reads += 1;
                (reads > 9).then_some(ReadFault::Fails(ReadError::Unavailable))
            });
            if let Ok(mut watch) = world.watch(WatchFrom::Cursor(cursor)).await {
                while let Ok(next) = world.service.revocations.next_revocations(&mut watch).await {
                    cursor = next.cursor;
                    told |= !next.notifications.is_empty();
                    if told {
                        break;
                    }
                }
            }
            failures += 1;
            assert!(failures < 50, "it begins from nothing each time");
        }
        println!("told after {failures} failures");
    };
    followed(&world, Box::pin(search)).await;
    resume();
}
