//! Instances of the last release are replaced one by one, and serve beside the newest meanwhile.
//!
//! tests/rolling.sh builds the last release.

use std::sync::Arc;

use fastrand::Rng;
use jeton::proto::v1::IssueTokenRequest;
use tokio::time::Instant;
use tonic::Code;

use crate::{
    answers::introspected,
    common::{admin::with_admin, caller::by_password, home::Home, server::Server, wait::rounds},
    contest::{Contest, Fleet},
    database::Database,
    facts::Facts,
    fleet::{beside, refused_in_time},
    load::Load,
    pauses::Pauses,
    released,
    watcher::Watcher,
};

/// Histories of each replacement.
const HISTORIES: usize = 8;
/// Acknowledged writes between two replacements.
const BETWEEN: u64 = 100;

/// No login ends another.
fn settings() -> crate::common::settings::Settings {
    with_admin().declare("shop", "max_grants", "1000")
}

async fn start_released(database: &Database, home: Home) -> Server {
    let program = released::program().expect("tests/rolling.sh has built it");
    let environment = [("JETON_STORE_URL", database.url()), ("PROGRAM", &program)];
    Server::start_with(home, &released::known(settings()), &environment).await
}

async fn start_newest(database: &Database, home: Home) -> Server {
    let environment = [("JETON_STORE_URL", database.url()), ("PROGRAM", released::NEWEST)];
    Server::start_with(home, &settings(), &environment).await
}

/// Insists that every instance knows all that was acknowledged by any.
async fn hold(facts: &mut [Facts], fleet: &Fleet) {
    for facts in facts {
        for at in 0..fleet.len() {
            facts.hold_at(&fleet.caller(at)).await;
        }
        assert!(facts.contradictions.is_empty(), "{:#?}", facts.contradictions);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and the last release: tests/rolling.sh"]
async fn instances_of_the_last_release_are_replaced_one_by_one_and_nothing_is_lost() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let (mut histories, mut operations, mut known) = (0, 0, Vec::new());
    for _ in 0..rounds() {
        let database = Database::shared("rolling");
        let first = start_released(&database, Home::new()).await;
        let second = start_released(&database, beside(&first)).await;
        let third = start_released(&database, beside(&first)).await;
        let mut servers = vec![first, second, third];
        let fleet = Arc::new(Fleet::of(&servers).await);
        let pauses = Arc::new(Pauses::new());
        let load = Load::start(Vec::new(), &fleet, &pauses, &mut dice);
        for at in 0..servers.len() {
            let contest = Contest::start(&fleet, HISTORIES, &mut dice).await;
            let home = servers.remove(at).stop().await;
            let newest = start_newest(&database, home).await;
            fleet.replace(at, &newest).await;
            servers.insert(at, newest);
            pauses.more(BETWEEN).await;
            let explained = contest.explained(&fleet).await;
            let (some, of) = explained.unwrap_or_else(|history| panic!("seed {seed}: {history}"));
            (histories, operations) = (histories + some, operations + of);
        }
        known = load.stop().await;
        hold(&mut known, &fleet).await;
        for server in servers {
            server.stop().await;
        }
    }
    let (live, ended) = known
        .iter()
        .map(Facts::count)
        .fold((0, 0), |(live, ended), count| (live + count.0, ended + count.1));
    println!(
        "{} rounds: {histories} histories of {operations} operations are explained; in the last {live} live \
         and {ended} ended grants hold at each",
        rounds()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and the last release: tests/rolling.sh"]
async fn revocations_of_either_release_reach_the_watchers_of_both() {
    let database = Database::shared("either");
    let old = start_released(&database, Home::new()).await;
    let new = start_newest(&database, beside(&old)).await;
    let instances = [&old, &new];
    let mut watchers = Vec::new();
    for instance in instances {
        watchers.push(Watcher::of(&instance.caller("gateway").await).await);
    }
    for by in instances {
        let shop = by.caller("shop").await;
        let login = shop.log_in().await;
        for at in instances {
            assert!(at.caller("shop").await.is_active(&login.access_token).await);
        }
        shop.revoke(&login.refresh_token).await.expect("revoked");
        let revoked = Instant::now();
        let cursor = by.caller("gateway").await.cursor().await;
        for (at, watcher) in instances.iter().zip(&mut watchers) {
            refused_in_time(&at.caller("shop").await, &login.access_token, revoked).await;
            watcher.reach(&cursor).await;
        }
    }
    assert_eq!(watchers[0].told.len(), 2, "{:?}", watchers[0].told);
    assert_eq!(watchers[0].told, watchers[1].told);
    for instance in [old, new] {
        instance.stop().await;
    }
}

/// A login that was repeated with its `request_id` is stored in a form that the last release does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and the last release: tests/rolling.sh"]
async fn what_the_last_release_cannot_read_it_does_not_judge_and_it_starts_no_more() {
    let database = Database::shared("unread");
    let old = start_released(&database, Home::new()).await;
    let home = beside(&old);
    let new = start_newest(&database, beside(&old)).await;
    let shop = new.caller("shop").await;
    let mut pairs = Vec::new();
    for _ in 0..2 {
        let request_id = "0123456789abcdef0123456789abcdef".to_owned();
        let request = IssueTokenRequest { request_id, ..by_password("alice") };
        pairs.push(shop.issue(request).await.expect("a pair"));
    }
    let pair = pairs.pop().expect("the second");
    assert!(shop.is_active(&pair.access_token).await);
    let behind = old.caller("shop").await;
    let told = introspected(&behind, &pair.access_token).await.expect_err("it cannot know");
    assert!(matches!(told.code(), Code::Unavailable | Code::Internal), "{told:?}");
    let told = behind.refresh(&pair.refresh_token).await.expect_err("it cannot know");
    assert!(matches!(told.code(), Code::Unavailable | Code::Internal), "{told:?}");
    // Nothing was done to it.
    shop.refresh(&pair.refresh_token).await.expect("a pair");

    let program = released::program().expect("tests/rolling.sh has built it");
    let environment = [("JETON_STORE_URL", database.url()), ("PROGRAM", &program)];
    let settings = released::known(settings());
    let said = Server::fail_to_start_with(&home, &settings, &environment).await;
    assert!(said.contains("schema"), "{said}");
    for instance in [old, new] {
        instance.stop().await;
    }
}
