//! Logins that come as fast as others expire: the number of live grants stays, everything else passes.

use std::{sync::Arc, time::Duration};

use clap::Args;
use tokio::task::JoinSet;

use crate::{
    Place,
    sample::{Samples, reopen},
    world::{World, lifetimes},
};

/// How long a grant lives, unless it is swept an hour later.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Moments a life is divided into: grants are issued and swept at each.
const MOMENTS: u32 = 48;

/// The options of a flow.
#[derive(Args)]
pub(crate) struct Flow {
    #[command(flatten)]
    place: Place,
    /// Grants that are alive at a time.
    #[arg(long, default_value_t = 100_000)]
    live: usize,
    /// Grants issued in all.
    #[arg(long, default_value_t = 20_000_000)]
    total: u64,
    /// Issues at a time: what fills the store's batches.
    #[arg(long, default_value_t = 1_024)]
    parallel: usize,
    /// Moments, half an hour each, between two samples.
    #[arg(long, default_value_t = 24)]
    every: u64,
}

impl Flow {
    /// Runs it until all are issued.
    pub(crate) async fn run(self) {
        let world = World::new(&self.place, lifetimes(LIFE, LIFE), self.live / 10).await;
        let samples = Samples::start();
        let share = self.live / MOMENTS as usize;
        let (mut issued, mut swept, mut moment) = (0, 0, 0);
        while issued < self.total {
            if moment % self.every == 0 {
                samples.take(&world, &self.place, issued).await;
            }
            issue_all(&world, issued, share, self.parallel).await;
            issued += share as u64;
            world.clock.advance(LIFE / MOMENTS);
            swept += world.sweep().await as u64;
            moment += 1;
        }
        samples.take(&world, &self.place, issued).await;
        samples.sum_up(&world, &self.place, issued).await;
        assert_eq!(world.records().await as u64, issued - swept, "what was not swept is there");
        world.store.close().await.expect("the store closes in order");
        drop(world);
        reopen(&self.place).await;
    }
}

/// Issues `count` grants, `parallel` at a time, to users in turn.
async fn issue_all(world: &Arc<World>, from: u64, count: usize, parallel: usize) {
    let from = usize::try_from(from).expect("a count of grants");
    let mut tasks = JoinSet::new();
    for task in 0..parallel.min(count) {
        let world = Arc::clone(world);
        tasks.spawn(async move {
            for number in (task..count).step_by(parallel) {
                drop(world.issue(from + number).await);
            }
        });
    }
    tasks.join_all().await;
}
