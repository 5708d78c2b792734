//! When a grant was last used: known to within a quarter of an hour, for next to no writes, and
//! without changing anything else of it.

use std::time::Duration;

use jeton::{
    domain::{
        grant::{Grant, Origin},
        revoke::RevokeScope,
        time::Clock as _,
        token::TokenKind,
    },
    service::{Introspect, Revoke},
    store::{Records as _, Store as _, Stored, Write},
};

use super::{
    rules::{OVERLAP, WINDOW},
    scene::Scene,
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const NEARLY: Duration = Duration::from_secs(15 * 60 - 1);

#[tokio::test]
async fn a_use_is_noted_once_a_quarter_of_an_hour_however_often_it_happens() {
    let scene = Scene::new().await;
    let tokens = scene.log_in().await;
    let id = tokens.grant_id;
    assert!(scene.introspect(&tokens.access_token).await);
    assert_eq!(scene.last_used(id).await, None, "the issue says as much");

    scene.pass(NEARLY);
    let tokens = scene.refresh(&tokens).await.expect("a rotation");
    assert!(scene.introspect(&tokens.access_token).await);
    assert_eq!(scene.last_used(id).await, None, "a second before the quarter");

    scene.pass(Duration::from_secs(1));
    let (version, noted) = (scene.grant(id).await.version(), scene.clock.now());
    for _ in 0..10_000 {
        assert!(scene.introspect(&tokens.access_token).await);
    }
    assert_eq!(scene.last_used(id).await, Some(noted));
    let written = scene.grant(id).await.version();
    assert_eq!(written.as_u64(), version.as_u64() + 1, "one write");

    scene.pass(QUARTER / 2);
    for _ in 0..10_000 {
        assert!(scene.introspect(&tokens.access_token).await);
    }
    assert_eq!(scene.last_used(id).await, Some(noted));
    assert_eq!(scene.grant(id).await.version(), written, "and no other");
}

#[tokio::test]
async fn what_is_no_use_is_not_noted() {
    let scene = Scene::new().await;
    let tokens = scene.log_in().await;
    let id = tokens.grant_id;
    scene.pass(NEARLY);
    let rotated = scene.refresh(&tokens).await.expect("a rotation");
    scene.pass(OVERLAP);
    assert!(!scene.introspect(&tokens.access_token).await, "superseded");
    let (refresh_token, _) = rotated.refresh.clone().expect("a refresh token");
    let request = Introspect { token: refresh_token, expected_kind: TokenKind::Refresh };
    scene.service.introspection.introspect(&scene.caller, &request).await.expect("an answer");
    assert_eq!(scene.last_used(id).await, None);
}

/// Compares everything but the time of last use.
async fn assert_untouched(scene: &Scene, before: &Grant) {
    let after = scene.grant(before.id).await;
    assert!(after.last_used.is_some());
    assert_eq!(Grant { last_used: before.last_used, ..(*after).clone() }, *before);
}

#[tokio::test]
async fn the_retry_window_and_the_detection_of_replays_do_not_notice_the_write() {
    let scene = Scene::new().await;
    let first = scene.log_in().await;
    scene.pass(QUARTER);
    let second = scene.refresh(&first).await.expect("a rotation");
    let before = scene.grant(first.grant_id).await;
    let changes = scene.store.head().await.expect("the end of the feed").0;
    assert!(scene.introspect(&second.access_token).await);
    scene.service.upkeep.flush_uses().await.expect("uses are written");
    assert_untouched(&scene, &before).await;
    assert_eq!(
        scene.store.head().await.expect("the end of the feed").0,
        changes,
        "no event of the feed"
    );

    let again = scene.refresh(&first).await.expect("a retry within the window");
    assert_eq!(again.access_token.expose(), second.access_token.expose());
    scene.pass(WINDOW);
    assert!(scene.refresh(&first).await.is_err(), "a replay");
    assert!(!scene.introspect(&second.access_token).await, "which ended the grant");
    assert_eq!(scene.store.head().await.expect("the end of the feed").0, changes + 1);
}

#[tokio::test]
async fn a_use_that_is_written_late_revives_nothing_and_undoes_nothing() {
    let scene = Scene::new().await;
    let tokens = scene.log_in().await;
    scene.pass(NEARLY);
    let tokens = scene.refresh(&tokens).await.expect("a rotation");
    scene.pass(Duration::from_secs(1));
    assert!(scene.introspect(&tokens.access_token).await);
    let noted = scene.service.upkeep.noted_uses().await;
    assert_eq!(noted.len(), 1);
    let request = Revoke {
        token: tokens.access_token.clone(),
        scope: RevokeScope::WholeGrant,
        origin: Origin::default(),
    };
    scene.service.tokens.revoke(&scene.caller, &request).await.expect("a revocation");
    let revoked = scene.grant(tokens.grant_id).await;
    scene.service.upkeep.write_uses(noted.clone()).await.expect("nothing to write");
    assert_eq!(scene.grant(tokens.grant_id).await.version(), revoked.version());

    let freed = Write::<Grant>::Delete(revoked.version(), revoked.id);
    scene.store.grants().write(freed).await.expect("the sweeper's delete");
    scene.service.upkeep.write_uses(noted).await.expect("nothing to write");
    let found = scene.store.grants().get(&revoked.id).await;
    let found: Option<Stored<Grant>> = found.expect("a read");
    assert!(found.is_none());
}
