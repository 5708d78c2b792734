//! Refreshes and revocations at several instances, with everything dying that can, are one history.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;

use crate::{
    common::{admin::with_admin, caller::by_password, server::Server, wait::rounds},
    contest::{Contest, Fleet, end_all},
    database::Database,
    fleet::{several, start_at},
};

/// Grants that are fought over at a time.
const GRANTS: usize = 4;

/// The longest that a piece is on its way between an instance and a node of the database.
const DISTANCE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_has_an_order_that_explains_it() {
    explained(Database::alone(), 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_of_two_instances_at_a_distance_has_an_order_that_explains_it() {
    explained(Database::alone().at_a_distance(DISTANCE).await, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_of_three_instances_at_a_distance_has_an_order_that_explains_it() {
    explained(Database::alone().at_a_distance(DISTANCE).await, 3).await;
}

async fn explained(database: Database, count: usize) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let mut servers = several(&database, count).await;
    let fleet = Arc::new(Fleet::of(&servers).await);
    let rounds = rounds();
    let (mut histories, mut operations) = (0, 0);
    for round in 0..rounds {
        let contest = Contest::start(&fleet, GRANTS, &mut dice).await;
        let last = round + 1 == rounds;
        harm(&database, &mut servers, &fleet, if last { 3 } else { round % 3 }, &mut dice).await;
        if dice.bool() {
            end_all(&fleet, &contest.grants, dice.usize(..servers.len())).await;
        }
        match contest.explained(&fleet).await {
            Ok((explained, of)) => {
                (histories, operations) = (histories + explained, operations + of);
            }
            Err(unexplained) => panic!("round {round}, seed {seed}: {unexplained}"),
        }
    }
    println!("{rounds} rounds: {histories} histories of {operations} operations are explained");
}

/// One of the things that happen.
async fn harm(
    database: &Database,
    servers: &mut Vec<Server>,
    fleet: &Fleet,
    kind: usize,
    dice: &mut Rng,
) {
    match kind {
        0 => {
            let at = dice.usize(..servers.len());
            let home = servers.remove(at).kill().await;
            let back = start_at(database, home, &with_admin()).await;
            fleet.replace(at, &back).await;
            servers.insert(at, back);
        }
        1 => {
            for _ in 0..5 {
                let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE application_name = 'jeton'";
                database.run(cut);
            }
        }
        2 => {
            database.signal("primary", "STOP");
            // For the time of a few calls that no instance can answer.
            let caller = fleet.any(dice);
            while caller.issue(by_password("bob")).await.is_ok() {}
            database.signal("primary", "CONT");
        }
        _ => {
            database.signal("primary", "KILL");
            database.promote();
        }
    }
}
