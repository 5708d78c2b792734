//! Watches over a store that cannot be read: they end and say so, miss nothing, and begin again when it can.

use jeton::{
    domain::error::Error,
    service::{Cursor, Watch, WatchFrom, Watched},
    store::{ReadError, faulty::ReadFault},
};

use tokio::time::{pause, resume};

use super::world::{World, is_failure};

impl World {
    async fn watch(&self, from: WatchFrom) -> Result<Watch, Error> {
        self.service.watch_revocations(&self.caller, self.credentials.clone(), from).await
    }

    fn fail_reads(&self, error: ReadError) {
        self.store.plan_reads(move || Some(ReadFault::Fails(error)));
    }

    /// Reads on until the watch ends: the last response before that, and why.
    async fn end(&self, watch: &mut Watch) -> (Option<Cursor>, Error) {
        let mut last = None;
        loop {
            match self.service.next_revocations(watch).await {
                Ok(watched) => last = Some(watched.cursor),
                Err(error) => return (last, error),
            }
        }
    }

    async fn next(&self, watch: &mut Watch) -> Watched {
        self.service.next_revocations(watch).await.expect("a response")
    }
}

/// Runs beside the reader of the feed.
async fn followed<T>(world: &World, test: impl Future<Output = T>) -> T {
    tokio::select! {
        never = world.service.follow_revocations() => match never {},
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
            assert_eq!(first.told.len(), 1, "{:?}", first.told);
        })
        .await;
        resume();
    }
}
