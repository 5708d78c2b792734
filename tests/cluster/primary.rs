//! Promises hold when the database's primary dies, hangs, or is replaced while it hangs.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use tonic::{Code, Status};

use crate::{
    answers::{MAX_STALENESS, answered, introspected},
    common::caller::{Caller, by_password},
    database::Database,
    fleet::{callers, three},
};

/// Longest time until an answer that the state is unknown: two attempts at a barrier, each of a
/// connection and a commit that do not come, and some.
const PATIENCE: Duration = Duration::from_secs(12);

/// Acknowledged state of some grants.
struct Acknowledged {
    /// The newest tokens of those that live: access, refresh.
    live: Vec<(String, String)>,
    /// Access tokens of those that were revoked.
    ended: Vec<String>,
}

/// Logs in, refreshes some and revokes some, everything at another instance.
async fn some(callers: &[Caller; 3]) -> Acknowledged {
    let mut facts = Acknowledged { live: Vec::new(), ended: Vec::new() };
    for number in 0..24 {
        let [one, two, three] = [0, 1, 2].map(|shift| &callers[(number + shift) % 3]);
        let login = one.log_in().await;
        match number % 3 {
            0 => facts.live.push((login.access_token, login.refresh_token)),
            1 => {
                let pair = two.refresh(&login.refresh_token).await.expect("a pair");
                facts.live.push((pair.access_token, pair.refresh_token));
            }
            _ => {
                three.revoke(&login.refresh_token).await.expect("revoked");
                facts.ended.push(login.access_token);
            }
        }
    }
    facts
}

impl Acknowledged {
    /// Insists that all of it holds, and that what lives can be refreshed.
    async fn holds(&self, callers: &[Caller; 3]) {
        for caller in callers {
            for token in &self.ended {
                let told =
                    answered("introspection", async || introspected(caller, token).await).await;
                assert!(!told.active, "what was revoked lives");
            }
            for (access, _) in &self.live {
                let told =
                    answered("introspection", async || introspected(caller, access).await).await;
                assert!(told.active, "what was issued is gone");
            }
        }
        for (number, (_, refresh)) in self.live.iter().enumerate() {
            let caller = &callers[number % 3];
            let refreshed = answered("a refresh", async || caller.refresh(refresh).await).await;
            assert_ne!(refreshed.refresh_token, *refresh);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_primary_that_is_killed_takes_no_acknowledged_fact_with_it() {
    let database = Database::alone();
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    let facts = some(&callers).await;
    database.signal("primary", "KILL");
    // An unknown state is neither "active" for long nor "not active" at all.
    let killed = Instant::now();
    while killed.elapsed() < 2 * MAX_STALENESS {
        for (access, _) in &facts.live {
            match introspected(&callers[0], access).await {
                Ok(told) => assert!(told.active && killed.elapsed() < 2 * MAX_STALENESS),
                Err(refused) => assert_eq!(refused.code(), Code::Unavailable),
            }
        }
    }
    for instance in &instances {
        let (status, text) = instance.ops().await.get("/readyz").await;
        assert_eq!((status, text.contains("the database does not commit")), (503, true), "{text}");
    }
    database.promote();
    facts.holds(&callers).await;
    for instance in instances {
        let ops = instance.ops().await;
        crate::common::wait::until("ready again", async || ops.get("/readyz").await.0 == 200).await;
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn while_the_primary_hangs_nobody_is_told_what_nobody_knows() {
    let database = Database::alone();
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    let facts = some(&callers).await;
    let (access, refresh) = &facts.live[0];
    assert!(callers[0].is_active(access).await);
    database.signal("primary", "STOP");
    let stopped = Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    while stopped.elapsed() < 4 * MAX_STALENESS || refused == 0 {
        let asked = stopped.elapsed();
        match introspected(&callers[0], access).await {
            Ok(told) => {
                assert!(told.active, "nobody can know that");
                assert!(asked < MAX_STALENESS, "accepted {asked:?} after the last proof");
                accepted += 1;
            }
            Err(status) => {
                assert_unavailable(&status);
                refused += 1;
            }
        }
    }
    assert!(accepted > 0, "memory was good for a while");
    assert_unavailable(&callers[1].revoke(refresh).await.expect_err("nobody can promise that"));
    database.signal("primary", "CONT");
    let login = answered("a login", async || callers[2].issue(by_password("bob")).await);
    login.await;
    let told = answered("an answer", async || introspected(&callers[1], &facts.live[1].0).await);
    assert!(told.await.active);
}

/// The deposed primary comes back to life with connections that were made before, and answers what
/// it is asked from what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn a_deposed_primary_is_not_believed() {
    let database = Database::alone();
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    let mut facts = some(&callers).await;
    database.signal("primary", "STOP");
    database.promote();
    // They come to the new one by any connection.
    for (access, refresh) in facts.live.drain(..).collect::<Vec<_>>() {
        answered("a revocation", async || callers[0].revoke(&refresh).await).await;
        facts.ended.push(access);
    }
    let revoked = Instant::now();
    database.signal("primary", "CONT");
    let mut told = BTreeMap::new();
    while revoked.elapsed() < 5 * MAX_STALENESS {
        for caller in &callers {
            for token in &facts.ended {
                let asked = revoked.elapsed();
                match introspected(caller, token).await {
                    Ok(answer) => {
                        let late = answer.active && asked >= MAX_STALENESS;
                        assert!(!late, "accepted {asked:?} after it was revoked");
                        *told.entry(answer.active).or_insert(0) += 1;
                    }
                    Err(status) => assert_unavailable(&status),
                }
            }
        }
    }
    assert!(told.get(&false).is_some_and(|refused| *refused > 0), "{told:?}");
    facts.holds(&callers).await;
}

/// One standby is enough to confirm commits. Without any the primary has them, and no caller gets
/// an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn one_standby_is_not_missed_and_without_both_nothing_is_acknowledged() {
    let database = Database::alone();
    let instances = three(&database).await;
    let callers = callers(&instances, "shop").await;
    database.signal("standby1", "KILL");
    let mut facts = some(&callers).await;
    database.signal("standby2", "STOP");
    let (revoked, _) = facts.live.remove(0);
    let (revocation, refresh) =
        tokio::join!(callers[0].revoke(&revoked), callers[1].refresh(&facts.live[0].1));
    assert_unavailable(&revocation.expect_err("nobody can promise that"));
    assert_unavailable(&refresh.expect_err("it may be lost"));
    // By now nothing that lies in memory is fresh.
    let asked = Instant::now();
    let asking = callers.iter().zip(&facts.live);
    let asking = asking.map(|(caller, (access, _))| introspected(caller, access));
    for told in futures_util::future::join_all(asking).await {
        assert_unavailable(&told.expect_err("nobody can know that"));
    }
    assert!(asked.elapsed() < PATIENCE, "told so after {:?}", asked.elapsed());
    database.signal("standby2", "CONT");
    facts.holds(&callers).await;
    // A call without an answer is repeated.
    answered("a revocation", async || callers[2].revoke(&revoked).await).await;
    facts.ended.push(revoked);
    facts.live.clear();
    facts.holds(&callers).await;
}

fn assert_unavailable(status: &Status) {
    let expected = matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded);
    assert!(expected, "{status:?}");
}
