//! Watches by a clock that is moved by hand: when heartbeats come, when a cursor is too old, what a
//! watch does that is far behind.

use std::{sync::Arc, time::Duration};

use jeton::{
    domain::{error::Error, user::User},
    service::{Cursor, Notification, NotificationBatch, SWEEP_STEP, Service, Watch, WatchFrom},
    store::{Records, Store as _, Write, memory::MemoryStore},
};
use tokio::time::{Instant, advance, pause};

use super::{parties::user_id, scene::Scene};

/// Events that are kept at any age.
const KEPT: u64 = 100_000;
/// Time for which an event is kept in any case.
const YOUNG: Duration = Duration::from_secs(10 * 60);
/// A second less.
const NEARLY: Duration = Duration::from_secs(10 * 60 - 1);
/// Events in memory.
const NEWEST: u64 = 16_384;

/// A scene with its reader of the feed at work.
async fn watched() -> (Scene, Arc<Service<MemoryStore>>) {
    let scene = Scene::new().await;
    let service = Arc::clone(&scene.service);
    tokio::spawn({
        let service = Arc::clone(&service);
        async move { service.revocations.follow_revocations().await }
    });
    (scene, service)
}

impl Scene {
    async fn watch(&self, from: WatchFrom) -> Result<Watch, Error> {
        self.service
            .revocations
            .watch_revocations(&self.caller, self.credentials.clone(), from)
            .await
    }

    /// Makes so many events.
    async fn change(&self, events: u64) {
        for _ in 0..events {
            let user = Records::<User>::get(&self.store, &user_id(0)).await;
            let user = user.expect("memory does not fail").expect("the user");
            let replace = Write::Replace(user.version(), (*user).clone());
            self.store.users().write(replace).await.expect("a replace");
        }
    }

    /// Frees what the sweeper may.
    async fn sweep(&self) {
        while self.service.upkeep.sweep(SWEEP_STEP).await.expect("memory does not fail") > 0 {}
    }
}

async fn next(service: &Service<MemoryStore>, watch: &mut Watch) -> NotificationBatch {
    service.revocations.next_revocations(watch).await.expect("a response")
}

/// Reads up to a checkpoint, and counts the events.
async fn catch_up(service: &Service<MemoryStore>, watch: &mut Watch) -> (u64, Cursor) {
    let mut told = 0;
    loop {
        let watched = next(service, watch).await;
        told += watched.notifications.len() as u64;
        if watched.checkpoint {
            return (told, watched.cursor);
        }
    }
}

#[tokio::test]
async fn a_checkpoint_comes_every_second_at_least_while_nothing_happens() {
    let (scene, service) = watched().await;
    let mut watch = scene.watch(WatchFrom::Now).await.expect("a watch");
    pause();
    let begun = Instant::now();
    assert!(next(&service, &mut watch).await.checkpoint);
    assert_eq!(begun.elapsed(), Duration::ZERO, "the first comes at once");
    for _ in 0..1_000 {
        let last = Instant::now();
        let watched = next(&service, &mut watch).await;
        assert!(watched.checkpoint && watched.notifications.is_empty());
        assert!(last.elapsed() <= Duration::from_secs(1), "{:?}", last.elapsed());
    }
    assert!(begun.elapsed() >= Duration::from_secs(200), "and no flood of them");
}

#[tokio::test]
async fn a_checkpoint_comes_every_second_also_while_much_happens() {
    let (scene, service) = watched().await;
    pause();
    let mut watch = scene.watch(WatchFrom::Now).await.expect("a watch");
    let mut checkpoints = 0;
    let begun = Instant::now();
    let mut last = begun;
    while begun.elapsed() < Duration::from_secs(30) {
        scene.change(1).await;
        advance(Duration::from_millis(20)).await;
        while let Ok(watched) =
            tokio::time::timeout(Duration::ZERO, service.revocations.next_revocations(&mut watch))
                .await
        {
            if watched.expect("a response").checkpoint {
                assert!(last.elapsed() <= Duration::from_secs(1), "{:?}", last.elapsed());
                last = Instant::now();
                checkpoints += 1;
            }
        }
    }
    assert!(checkpoints >= 30, "{checkpoints}");
}

#[tokio::test]
async fn a_cursor_is_good_for_ten_minutes_and_a_hundred_thousand_events_and_then_says_the_way_out()
{
    let (scene, service) = watched().await;
    let mut watch = scene.watch(WatchFrom::Now).await.expect("a watch");
    let (_, old) = catch_up(&service, &mut watch).await;
    scene.change(KEPT + 300).await;
    scene.sweep().await;
    scene.pass(NEARLY);
    scene.sweep().await;
    let mut young = scene.watch(WatchFrom::Cursor(old)).await.expect("a watch");
    assert_eq!(catch_up(&service, &mut young).await.0, KEPT + 300, "nothing is gone yet");

    scene.pass(YOUNG.saturating_sub(NEARLY));
    scene.sweep().await;
    let refused = scene.watch(WatchFrom::Cursor(old)).await.map(drop);
    let Err(Error::CursorOutOfRange { restart }) = refused else { panic!("{refused:?}") };
    let restart = Cursor::parse(&restart).expect("a cursor");
    let mut again = scene.watch(WatchFrom::Cursor(restart)).await.expect("a watch");
    assert_eq!(catch_up(&service, &mut again).await, (0, restart), "the end of the feed");
    let mut kept = scene.watch(WatchFrom::Kept).await.expect("a watch");
    assert_eq!(catch_up(&service, &mut kept).await.0, KEPT, "a snapshot of what is kept");

    // The first watch was never read: what it needs next is gone, and that is said.
    let end = loop {
        match service.revocations.next_revocations(&mut watch).await {
            Ok(watched) => assert_ne!(watched.cursor, restart, "events are missing"),
            Err(error) => break error,
        }
    };
    assert!(matches!(end, Error::CursorOutOfRange { .. }), "{end:?}");
}

#[tokio::test]
async fn a_watch_that_is_behind_what_lies_in_memory_is_told_all_of_it_from_the_store() {
    let (scene, service) = watched().await;
    let mut slow = scene.watch(WatchFrom::Now).await.expect("a watch");
    let mut fast = scene.watch(WatchFrom::Now).await.expect("a watch");
    catch_up(&service, &mut slow).await;
    let (mut told, target) = (0, 2 * NEWEST + 7);
    for _ in 0..target / 100 {
        scene.change(100).await;
        told += catch_up(&service, &mut fast).await.0;
    }
    scene.change(target % 100).await;
    while told < target {
        told += catch_up(&service, &mut fast).await.0;
    }
    let (mut sequence, mut last) = (0, None);
    while sequence < target {
        let watched = next(&service, &mut slow).await;
        assert!(last.is_none_or(|last: String| last < watched.cursor.to_text()));
        last = Some(watched.cursor.to_text());
        assert!(watched.notifications.iter().all(|told| matches!(told, Notification::Event(_))));
        sequence += watched.notifications.len() as u64;
    }
    assert_eq!((told, sequence), (target, target));
}

#[tokio::test]
async fn what_is_told_is_told_once_whoever_drops_the_call_that_waits_for_it() {
    let (scene, service) = watched().await;
    let mut watch = scene.watch(WatchFrom::Now).await.expect("a watch");
    catch_up(&service, &mut watch).await;
    let mut told = 0;
    for events in 0..500 {
        while tokio::time::timeout(Duration::ZERO, service.revocations.next_revocations(&mut watch))
            .await
            .is_ok_and(|watched| {
                told += watched.expect("a response").notifications.len();
                true
            })
        {}
        assert!(told <= events);
        scene.change(1).await;
    }
    while told < 500 {
        told += next(&service, &mut watch).await.notifications.len();
    }
    assert_eq!(told, 500);
}

#[tokio::test]
async fn watches_end_when_the_process_goes_away_and_none_begins() {
    let (scene, service) = watched().await;
    let mut watch = scene.watch(WatchFrom::Now).await.expect("a watch");
    catch_up(&service, &mut watch).await;
    let waiting = async {
        loop {
            if let Err(error) = service.revocations.next_revocations(&mut watch).await {
                return error;
            }
        }
    };
    let (error, ()) = tokio::join!(waiting, async { service.revocations.end_watches() });
    assert_eq!(error, Error::UNAVAILABLE);
    assert_eq!(scene.watch(WatchFrom::Now).await.map(drop), Err(Error::UNAVAILABLE));
}
