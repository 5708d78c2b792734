//! How far the sweeper is behind, and which clients keep it busy.

use std::time::Duration;

use jeton::service::{IssueGrant, SWEEP_STEP};

use super::{parties::client_id, rules::ACCESS, scene::Scene};

const GRANTS: usize = SWEEP_STEP + 44;
/// Spent grants are kept for an hour. This is a second less.
const NEARLY: Duration = Duration::from_secs(60 * 60 - 1);

#[tokio::test]
async fn what_is_due_is_counted_and_freed_step_by_step() {
    let scene = Scene::new().await;
    for _ in 0..GRANTS {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    scene.pass(ACCESS + NEARLY);
    scene.service.count_backlog().await.expect("a count");
    assert_eq!(scene.service.sweeper_backlog(), 0, "nothing is due yet");
    assert_eq!(scene.service.sweep(SWEEP_STEP).await, Ok(0));

    scene.pass(Duration::from_secs(1));
    scene.service.count_backlog().await.expect("a count");
    assert_eq!(scene.service.sweeper_backlog(), GRANTS as u64);
    assert_eq!(scene.service.sweep(SWEEP_STEP).await, Ok(SWEEP_STEP));
    scene.service.count_backlog().await.expect("a count");
    assert_eq!(scene.service.sweeper_backlog(), 44);
    assert_eq!(scene.service.sweep(SWEEP_STEP).await, Ok(44));
    assert_eq!(scene.service.sweeper_backlog(), 0, "the last step says so itself");
}

#[tokio::test]
async fn a_client_that_asks_for_more_tokens_than_a_hundred_live_ones_is_named_until_they_expire() {
    let scene = Scene::new().await;
    for _ in 0..100 {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    assert_eq!(scene.service.minting_clients(), []);
    for _ in 0..20 {
        scene.issue(IssueGrant::ClientCredentials).await;
    }
    // Logins are not what it asks for itself.
    scene.log_in().await;
    let [minting] = &*scene.service.minting_clients() else { panic!("one client") };
    assert_eq!((&minting.client_id, minting.live_tokens), (&client_id(0), 120));
    scene.pass(2 * ACCESS);
    assert_eq!(scene.service.minting_clients(), []);
}
