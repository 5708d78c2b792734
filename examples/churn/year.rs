//! A year of a user's sessions: the same grants, refreshed every hour.

use std::{sync::Arc, time::Duration};

use clap::Args;
use futures_util::future::join_all;
use jeton::{
    domain::{audience::Audience, grant::Origin, scopes::Scopes, secret::Secret, token::TokenKind},
    service::{Introspect, Introspection, Refresh},
};
use tokio::task::JoinSet;

use crate::{
    Place,
    sample::{Samples, reopen},
    world::{World, lifetimes},
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of a year.
#[derive(Args)]
pub(crate) struct Year {
    #[command(flatten)]
    place: Place,
    /// Number of refreshed grants.
    #[arg(long, default_value_t = 10_000)]
    grants: usize,
    /// Number of hours.
    #[arg(long, default_value_t = 365 * 24)]
    hours: u64,
    /// Number of concurrent refreshes, which fill the store's batches.
    #[arg(long, default_value_t = 1_024)]
    parallel: usize,
    /// Number of hours between two samples.
    #[arg(long, default_value_t = 24)]
    every: u64,
}

impl Year {
    /// Runs the year, and checks that every session is alive at the end.
    pub(crate) async fn run(self) {
        let lifetimes = lifetimes(30 * DAY, 400 * DAY);
        let world = World::new(&self.place, lifetimes, self.grants.div_ceil(10)).await;
        let samples = Samples::start();
        let mut tokens = Vec::new();
        for group in (0..self.grants).collect::<Vec<_>>().chunks(self.parallel) {
            let issued = group.iter().map(|number| world.issue(*number));
            tokens.extend(join_all(issued).await);
        }
        let mut done = 0;
        for hour in 0..self.hours {
            if hour % self.every == 0 {
                samples.take(&world, &self.place, done).await;
            }
            world.clock.advance(HOUR);
            tokens = refresh_all(&world, tokens, self.parallel).await;
            done += tokens.len() as u64;
            assert_eq!(world.sweep().await, 0, "a session in use was swept");
        }
        samples.take(&world, &self.place, done).await;
        for token in tokens {
            let request = Introspect { token, expected_kind: TokenKind::Refresh };
            let found = world.service.introspection.introspect(&world.caller, &request).await;
            assert!(matches!(found, Ok(Introspection::Active(_))), "a session was lost");
        }
        samples.sum_up(&world, &self.place, done).await;
        assert_eq!(world.records().await, self.grants, "one record a session");
        world.store.close().await.expect("the store closes in order");
        drop(world);
        reopen(&self.place).await;
    }
}

/// Refreshes each token once, `parallel` at a time.
async fn refresh_all(world: &Arc<World>, tokens: Vec<Secret>, parallel: usize) -> Vec<Secret> {
    let share = tokens.len().div_ceil(parallel).max(1);
    let mut tasks = JoinSet::new();
    for share in tokens.chunks(share) {
        let (world, mut share) = (Arc::clone(world), share.to_vec());
        tasks.spawn(async move {
            for token in &mut share {
                let request = Refresh {
                    refresh_token: token.clone(),
                    scopes: Scopes::default(),
                    audience: Audience::default(),
                    origin: Origin::default(),
                };
                let answer = world.service.tokens.refresh(&world.caller, &request).await;
                let refresh = answer.expect("a session goes on").refresh;
                *token = refresh.expect("the client may refresh").0;
            }
            share
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
