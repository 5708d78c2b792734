//! Backlog of the sweeper, and the clients that keep it busy.

use std::time::Duration;

use jeton::service::{IssueGrant, SWEEP_STEP, Tokens};

use jeton::domain::revoke::RevokeScope;

use super::{parties::client_id, rules::ACCESS, scene::Scene};

const GRANTS: usize = SWEEP_STEP + 44;
/// Spent grants are kept for an hour, by the minute. This is a second less.
const NEARLY: Duration = Duration::from_secs(60 * 60 - 1);
const MINUTE: Duration = Duration::from_secs(60);
const HUNDRED_DAYS: u64 = 100 * 24 * 60 * 60 * 1_000;

impl Scene {
    /// Time passes, and the sweeper looks every second. Hands back how many it met.
    async fn live(&self, time: Duration) -> usize {
        let mut met = 0;
        for _ in 0..time.as_secs() {
            self.pass(Duration::from_secs(1));
            met += self.service.upkeep.sweep(SWEEP_STEP).await.expect("memory does not fail");
        }
        met
    }

    /// Insists that the login is there and goes on.
    async fn keeps(&self, login: Tokens) -> Tokens {
        let next = self.refresh(&login).await.expect("the login goes on");
        assert!(self.introspect(&next.access_token).await);
        next
    }
}

#[tokio::test]
async fn what_is_due_is_counted_and_freed_step_by_step() {
    let scene = Scene::new().await;
    for _ in 0..GRANTS {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    assert_eq!(scene.live(ACCESS + NEARLY).await, 0);
    scene.service.upkeep.count_backlog().await.expect("a count");
    assert_eq!(scene.service.upkeep.sweeper_backlog(), 0, "nothing is due yet");

    scene.pass(MINUTE);
    scene.service.upkeep.count_backlog().await.expect("a count");
    assert_eq!(scene.service.upkeep.sweeper_backlog(), GRANTS as u64);
    assert_eq!(scene.service.upkeep.sweep(SWEEP_STEP).await, Ok(SWEEP_STEP));
    scene.service.upkeep.count_backlog().await.expect("a count");
    assert_eq!(scene.service.upkeep.sweeper_backlog(), 44);
    assert_eq!(scene.service.upkeep.sweep(SWEEP_STEP).await, Ok(44));
    assert_eq!(scene.service.upkeep.sweeper_backlog(), 0, "the last step says so itself");
}

#[tokio::test]
async fn a_clock_that_is_a_hundred_days_off_for_a_while_frees_nothing_live_and_revives_nothing() {
    let scene = Scene::new().await;
    let mut login = scene.log_in().await;
    let ended = scene.log_in().await;
    scene.revoke(&ended.access_token, RevokeScope::WholeGrant).await;
    scene.issue(IssueGrant::ClientCredentials).await;
    for seconds in [15, 50 * 60] {
        // Ahead at the start of the process, and again later.
        let off = Duration::from_secs(seconds);
        scene.clock.set_ahead(HUNDRED_DAYS);
        assert!(!scene.introspect(&login.access_token).await, "by that clock it has expired");
        assert_eq!(scene.live(off).await, 0);
        scene.clock.set_back(HUNDRED_DAYS);
        login = scene.keeps(login).await;

        scene.clock.set_back(HUNDRED_DAYS);
        assert_eq!(scene.live(off).await, 0);
        assert!(!scene.introspect(&ended.access_token).await);
        scene.clock.set_ahead(HUNDRED_DAYS);
        login = scene.keeps(login).await;
        assert!(
            scene.refresh(&ended).await.is_err() && !scene.introspect(&ended.access_token).await
        );
    }
    // Once the clock has been right for an hour, what is spent goes, and nothing else.
    assert_eq!(scene.live(2 * NEARLY).await, 1);
    scene.keeps(login).await;
}

#[tokio::test]
async fn a_client_that_asks_for_more_tokens_than_a_hundred_live_ones_is_named_until_they_expire() {
    let scene = Scene::new().await;
    for _ in 0..100 {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    assert_eq!(scene.service.tokens.minting_clients(), []);
    for _ in 0..20 {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    // Logins are not what it asks for itself.
    scene.log_in().await;
    let [minting] = &*scene.service.tokens.minting_clients() else { panic!("one client") };
    assert_eq!((&minting.client_id, minting.live_tokens), (&client_id(0), 120));
    scene.pass(2 * ACCESS);
    assert_eq!(scene.service.tokens.minting_clients(), []);
}
