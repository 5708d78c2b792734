//! Instances whose machines' clocks are minutes and hours apart: nothing lives longer or shorter for it.

use std::sync::Arc;

use fastrand::Rng;
use prost_types::Timestamp;
use tonic::Code;

use crate::{
    answers::introspected,
    common::{
        admin::with_admin,
        caller::Caller,
        home::Home,
        refusal::assert_refused,
        server::Server,
        settings::Settings,
        wait::{rounds, until},
    },
    contest::{Contest, Fleet},
    database::Database,
    fleet::beside,
    skew::start_ahead,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// By how many milliseconds the clock of each instance is ahead of the database's.
const AHEAD: [[i64; 3]; 2] = [[0, 7 * MINUTE, -11 * MINUTE], [90 * MINUTE, -3 * HOUR, 26 * HOUR]];
/// Milliseconds by which an instance's notion of the database's clock may be off, on a busy machine.
const SLACK: i64 = 1_000;
/// Grants that are fought over at a time, and operations about each before the fight is looked at.
const GRANTS: usize = 8;
const ENOUGH: usize = 60;

async fn start(database: &Database, ahead: [i64; 3], settings: &Settings) -> Vec<Server> {
    let mut instances: Vec<Server> = Vec::new();
    for millis in ahead {
        let home = instances.first().map_or_else(Home::new, beside);
        instances.push(start_ahead(database, home, settings, millis).await);
    }
    instances
}

/// Returns the database's time.
fn now(database: &Database) -> i64 {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    database.run(sql).parse().expect("milliseconds")
}

fn millis(time: Option<Timestamp>) -> i64 {
    let time = time.expect("a time");
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}

/// Insists that the token is good until `end` by the database's clock and no longer.
async fn ends_in_time(database: &Database, caller: &Caller, token: &str, end: i64) {
    loop {
        let asked = now(database);
        if !introspected(caller, token).await.expect("an answer").active {
            break;
        }
        assert!(asked <= end + SLACK, "active {} ms after its end", asked - end);
    }
    let answered = now(database);
    assert!(answered >= end - SLACK, "expired {} ms before its end", end - answered);
}

/// Has a grant refreshed by turns until it ends, and insists that it ends at `end`.
async fn is_refreshed_until(database: &Database, callers: &[Caller], first: String, end: i64) {
    let mut newest = first;
    for caller in callers.iter().cycle() {
        let asked = now(database);
        match caller.refresh(&newest).await {
            Ok(pair) => {
                assert!(asked <= end + SLACK, "refreshed {} ms after its end", asked - end);
                assert_eq!(millis(pair.refresh_expire_time), end, "no refresh moves the end");
                newest = pair.refresh_token;
            }
            refused => {
                assert_refused(refused, Code::Unauthenticated, "INVALID_GRANT");
                let answered = now(database);
                // Dead in its last second already, since no token lives so short.
                assert!(answered >= end - 1_000 - SLACK, "ended {} ms early", end - answered);
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and libfaketime: tests/postgres.sh"]
async fn instances_hours_apart_end_tokens_and_grants_when_the_databases_clock_says_so() {
    let settings = with_admin().declare("shop", "access_token_ttl", r#""2s""#).declare(
        "shop",
        "grant_ttl",
        r#""5s""#,
    );
    for ahead in AHEAD {
        let database = Database::shared("apart");
        let instances = start(&database, ahead, &settings).await;
        let mut callers = Vec::new();
        for instance in &instances {
            callers.push(instance.caller("shop").await);
        }
        for by in &callers {
            let before = now(&database);
            let login = by.log_in().await;
            let after = now(&database);
            let told = introspected(by, &login.access_token).await.expect("an answer");
            let (issued, end) = (millis(told.issue_time), millis(told.expire_time));
            assert!((before - SLACK..=after + SLACK).contains(&issued), "{issued} at {before}");
            assert_eq!(end - issued, 2_000);
            assert_eq!(millis(login.refresh_expire_time) - issued, 5_000);
            for at in &callers {
                let same = introspected(at, &login.access_token).await.expect("an answer");
                assert!(!same.active || millis(same.expire_time) == end, "{same:?}");
            }
            for at in &callers {
                ends_in_time(&database, at, &login.access_token, end).await;
            }
            let end = millis(login.refresh_expire_time);
            is_refreshed_until(&database, &callers, login.refresh_token, end).await;
        }
        for instance in instances {
            instance.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and libfaketime: tests/postgres.sh"]
async fn every_history_of_instances_hours_apart_has_an_order_that_explains_it() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let (mut histories, mut operations) = (0, 0);
    for ahead in AHEAD {
        let database = Database::shared("apart_in_fights");
        let instances = start(&database, ahead, &with_admin()).await;
        let fleet = Arc::new(Fleet::of(&instances).await);
        for _ in 0..rounds().div_ceil(AHEAD.len()) {
            let contest = Contest::start(&fleet, GRANTS, &mut dice).await;
            until("a fight", async || {
                fleet.caller(0).cursor().await;
                contest
                    .grants
                    .iter()
                    .all(|grant| grant.history.lock().expect("no panic").len() >= ENOUGH)
            })
            .await;
            match contest.explained(&fleet).await {
                Ok((some, of)) => (histories, operations) = (histories + some, operations + of),
                Err(history) => panic!("{ahead:?} ms, seed {seed}: {history}"),
            }
        }
        for instance in instances {
            instance.stop().await;
        }
    }
    println!("hours apart: {histories} histories of {operations} operations are explained");
}
