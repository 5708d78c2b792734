//! Logins at the rate at which other grants expire: the number of live grants stays the same.

use std::{sync::Arc, time::Duration};

use clap::Args;
use tokio::task::JoinSet;

use crate::{
    Place,
    sample::{Samples, reopen},
    world::{World, lifetimes},
};

/// Lifetime of a grant, which is swept an hour later.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Number of steps in a lifetime. Grants are issued and swept at each step.
const MOMENTS: u32 = 48;

/// The options of a flow.
#[derive(Args)]
pub(crate) struct Flow {
    #[command(flatten)]
    place: Place,
    /// Number of live grants.
    #[arg(long, default_value_t = 100_000)]
    live: usize,
    /// Number of grants issued in total.
    #[arg(long, default_value_t = 20_000_000)]
    total: u64,
    /// Number of concurrent issues, which fill the store's batches.
    #[arg(long, default_value_t = 1_024)]
    parallel: usize,
    /// Number of steps, half an hour each, between two samples.
    #[arg(long, default_value_t = 24)]
    every: u64,
}

impl Flow {
    /// Runs until all grants are issued.
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

/// Issues `count` grants, `parallel` at a time, to the users in turn.
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
