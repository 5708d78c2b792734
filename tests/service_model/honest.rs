//! Every way in which an honest client can be late, doubled or interrupted: the rows of the table in
//! docs/concepts.md.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use jeton::{
    domain::{error::Error, grant::Grant, revoke::RevokeScope},
    service::{IssueGrant, Tokens},
};

use super::{
    rules::{ACCESS, GRANT, REFRESH, WINDOW},
    scene::Scene,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// Usual differences of the clocks of two machines, in milliseconds.
const SKEWS: [u64; 5] = [2, 5, 10, 500, 5_000];

fn pair(tokens: &Tokens) -> [&str; 2] {
    let (refresh, _) = tokens.refresh.as_ref().expect("a refresh token");
    [tokens.access_token.expose(), refresh.expose()]
}

#[track_caller]
fn assert_same(retry: Result<Tokens, Error>, answer: &Tokens) {
    let retry = retry.expect("the pair again");
    assert_eq!(pair(&retry), pair(answer));
    assert!(retry.expires_in <= answer.expires_in && retry.expires_in >= SECOND);
}

#[track_caller]
fn assert_refused(answer: Result<Tokens, Error>) {
    assert!(matches!(answer, Err(Error::InvalidGrant(_))), "{:?}", answer.map(drop));
}

#[track_caller]
fn assert_invalid(answer: Result<Tokens, Error>, at_fault: &str) {
    match answer {
        Err(Error::InvalidRequest { field, .. }) => assert_eq!(field, at_fault),
        other => panic!("{other:?}"),
    }
}

impl Scene {
    /// A login and the answer to its first refresh, which got lost.
    async fn lost_answer(&self) -> (Tokens, Tokens) {
        let first = self.log_in().await;
        self.pass(SECOND);
        let lost = self.refresh(&first).await.expect("a rotation");
        (first, lost)
    }

    /// Insists that the grant goes on.
    async fn goes_on(&self, tokens: &Tokens) {
        let next = self.refresh(tokens).await.expect("the grant goes on");
        assert!(self.introspect(&next.access_token).await);
    }

    async fn has_ended(&self, tokens: &Tokens) {
        let grant: Grant = (*self.grant(tokens.grant_id).await).clone();
        assert!(grant.end.is_some());
        assert!(!self.introspect(&tokens.access_token).await);
    }
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_answered_again() {
    let scene = Scene::new().await;
    let (first, lost) = scene.lost_answer().await;
    for _ in 0..3 {
        assert_same(scene.refresh(&first).await, &lost);
        scene.pass(WINDOW / 4);
    }
    scene.goes_on(&lost).await;
}

#[tokio::test]
async fn a_retry_by_a_clock_that_is_behind_is_answered_again() {
    let scene = Scene::new().await;
    for skew in SKEWS {
        let (first, lost) = scene.lost_answer().await;
        scene.clock.set_back(skew);
        assert_same(scene.refresh(&first).await, &lost);
        // And by a clock that is as far ahead.
        scene.clock.advance(2 * skew);
        assert_same(scene.refresh(&first).await, &lost);
        scene.goes_on(&lost).await;
    }
}

#[tokio::test]
async fn a_retry_by_a_clock_that_is_behind_by_more_than_the_window_is_refused_and_ends_nothing() {
    let scene = Scene::new().await;
    for days in [0, 100] {
        let (first, lost) = scene.lost_answer().await;
        let behind = WINDOW + MILLISECOND + Duration::from_secs(days * 86_400);
        let behind = u64::try_from(behind.as_millis()).expect("a short time");
        scene.clock.set_back(behind);
        assert_refused(scene.refresh(&first).await);
        scene.goes_on(&lost).await;
        scene.clock.advance(behind);
    }
}

#[tokio::test]
async fn a_retry_by_a_clock_that_was_set_ahead_is_answered_again() {
    let scene = Scene::new().await;
    for ahead in [5, 61_000, 300_000] {
        let (first, lost) = scene.lost_answer().await;
        scene.clock.set_ahead(ahead);
        assert_same(scene.refresh(&first).await, &lost);
        scene.goes_on(&lost).await;
    }
    // Time that has passed closes the window all the same, after the jump too.
    for ahead in [0, 61_000] {
        let (first, lost) = scene.lost_answer().await;
        scene.clock.set_ahead(ahead);
        scene.pass(WINDOW);
        assert_refused(scene.refresh(&first).await);
        scene.has_ended(&lost).await;
    }
}

#[tokio::test]
async fn a_retry_by_a_clock_that_is_far_ahead_is_refused_and_ends_nothing() {
    let scene = Scene::new().await;
    let (first, lost) = scene.lost_answer().await;
    let days = 100 * 86_400_000;
    scene.clock.set_ahead(days);
    assert_refused(scene.refresh(&first).await);
    scene.clock.set_back(days);
    assert_same(scene.refresh(&first).await, &lost);
    scene.goes_on(&lost).await;
}

#[tokio::test]
async fn refreshes_at_the_same_time_are_given_one_pair_however_the_clocks_differ() {
    let scene = Scene::new().await;
    let first = scene.log_in().await;
    let refreshes = (0..50).map(|number| {
        if number % 2 == 0 {
            scene.clock.set_back(5);
        } else {
            scene.clock.advance(5);
        }
        scene.refresh(&first)
    });
    let answers = join_all(refreshes).await;
    let pairs: BTreeSet<_> =
        answers.iter().map(|answer| pair(answer.as_ref().expect("a pair"))).collect();
    assert_eq!(pairs.len(), 1);
    scene.goes_on(answers[0].as_ref().expect("a pair")).await;
}

#[tokio::test]
async fn a_retry_after_the_window_is_a_replay() {
    let scene = Scene::new().await;
    let (first, lost) = scene.lost_answer().await;
    scene.pass(WINDOW.saturating_sub(MILLISECOND));
    assert_same(scene.refresh(&first).await, &lost);
    scene.pass(MILLISECOND);
    assert_refused(scene.refresh(&first).await);
    scene.has_ended(&lost).await;
}

#[tokio::test]
async fn a_retry_after_the_new_refresh_token_was_used_is_a_replay() {
    let scene = Scene::new().await;
    let (first, second) = scene.lost_answer().await;
    let third = scene.refresh(&second).await.expect("a rotation");
    assert_refused(scene.refresh(&first).await);
    scene.has_ended(&third).await;
}

#[tokio::test]
async fn a_retry_for_other_scopes_is_refused_and_ends_nothing() {
    let scene = Scene::new().await;
    let (first, lost) = scene.lost_answer().await;
    assert_invalid(scene.refresh_to(&first, "read").await, "scopes");
    assert_same(scene.refresh(&first).await, &lost);
    scene.goes_on(&lost).await;
}

#[tokio::test]
async fn a_retry_after_the_old_access_token_was_revoked_alone_is_answered_again() {
    let scene = Scene::new().await;
    let (first, lost) = scene.lost_answer().await;
    scene.revoke(&first.access_token, RevokeScope::AccessTokenOnly).await;
    assert!(!scene.introspect(&first.access_token).await);
    assert_same(scene.refresh(&first).await, &lost);
    assert!(scene.introspect(&lost.access_token).await);
    scene.goes_on(&lost).await;
}

#[tokio::test]
async fn a_retry_after_the_new_access_token_was_revoked_alone_is_refused_and_ends_nothing() {
    let scene = Scene::new().await;
    for by_refresh_token in [false, true] {
        let (first, second) = scene.lost_answer().await;
        let (refresh_token, _) = second.refresh.clone().expect("a refresh token");
        let token = if by_refresh_token { &refresh_token } else { &second.access_token };
        scene.revoke(token, RevokeScope::AccessTokenOnly).await;
        assert_refused(scene.refresh(&first).await);
        assert!(!scene.introspect(&second.access_token).await);
        scene.goes_on(&second).await;
    }
}

#[tokio::test]
async fn a_retry_when_the_access_token_has_run_out_is_refused_and_ends_nothing() {
    let mut scene = Scene::new().await;
    scene.shorten_access(30 * SECOND).await;
    let (first, lost) = scene.lost_answer().await;
    scene.pass(29 * SECOND);
    assert_same(scene.refresh(&first).await, &lost);
    for _ in 0..3 {
        scene.pass(MILLISECOND);
        assert_refused(scene.refresh(&first).await);
        scene.pass(SECOND);
    }
    scene.goes_on(&lost).await;
}

#[tokio::test]
async fn a_refresh_in_the_last_second_of_the_grant_is_refused() {
    let scene = Scene::new().await;
    let mut newest = scene.log_in().await;
    for _ in 0..(GRANT.as_secs() - 1) / REFRESH.as_secs() {
        scene.pass(REFRESH.saturating_sub(MILLISECOND));
        newest = scene.refresh(&newest).await.expect("a rotation");
    }
    let end = scene.grant(newest.grant_id).await.expire_time;
    scene.pass(end.since(scene.service.now()).saturating_sub(SECOND));
    let last = scene.refresh(&newest).await.expect("a rotation");
    assert_eq!(last.expires_in, SECOND);
    scene.pass(MILLISECOND);
    for tokens in [&newest, &last] {
        assert_refused(scene.refresh(tokens).await);
    }
    assert!(scene.grant(last.grant_id).await.end.is_none());
}

#[tokio::test]
async fn a_refresh_after_the_refresh_token_has_run_out_is_refused() {
    let scene = Scene::new().await;
    let (first, second) = scene.lost_answer().await;
    scene.pass(REFRESH);
    assert_refused(scene.refresh(&second).await);
    assert!(scene.grant(first.grant_id).await.end.is_none());
}

#[tokio::test]
async fn a_login_whose_answer_was_lost_is_repeated_with_its_request_id() {
    let scene = Scene::new().await;
    for skew in SKEWS {
        let request_id = skew.to_string();
        let lost = scene.log_in_as(&request_id).await.expect("a grant");
        // By a clock that is behind.
        scene.clock.set_back(skew);
        let repeated = scene.log_in_as(&request_id).await.expect("the grant again");
        assert_eq!(repeated.grant_id, lost.grant_id);
        assert_ne!(pair(&repeated), pair(&lost));
        assert!(!scene.introspect(&lost.access_token).await);
        scene.goes_on(&repeated).await;
    }
}

#[tokio::test]
async fn a_login_that_is_repeated_too_late_or_otherwise_is_refused_and_ends_nothing() {
    const TEN_MINUTES: Duration = Duration::from_secs(600);
    let scene = Scene::new().await;
    let first = scene.log_in_as("late").await.expect("a grant");
    scene.pass(TEN_MINUTES);
    assert_invalid(scene.log_in_as("late").await, "request_id");
    scene.clock.set_back(1_200_000);
    assert_invalid(scene.log_in_as("late").await, "request_id");
    scene.pass(TEN_MINUTES);
    scene.goes_on(&first).await;
    assert_invalid(scene.log_in_as("late").await, "request_id");
    scene.goes_on(&scene.refresh(&first).await.unwrap_or(first)).await;
}

#[tokio::test]
async fn the_tokens_of_a_login_that_was_repeated_are_refused_and_end_nothing() {
    let scene = Scene::new().await;
    let late = scene.log_in_as("doubled").await.expect("a grant");
    let later = scene.log_in_as("doubled").await.expect("the grant again");
    let mut newest = scene.log_in_as("doubled").await.expect("the grant again");
    let root = newest.clone();
    for _ in 0..4 {
        for replaced in [&late, &later] {
            assert_refused(scene.refresh(replaced).await);
            let (refresh_token, _) = replaced.refresh.clone().expect("a refresh token");
            for token in [&replaced.access_token, &refresh_token] {
                scene.revoke(token, RevokeScope::AccessTokenOnly).await;
            }
            assert!(scene.introspect(&newest.access_token).await);
        }
        newest = scene.refresh(&newest).await.expect("the grant goes on");
    }
    // And the root that counted is still known as replayed, however often the grant was refreshed.
    assert_refused(scene.refresh(&root).await);
    scene.has_ended(&newest).await;
}

#[tokio::test]
async fn a_login_that_is_doubled_without_a_request_id_makes_two_grants() {
    let scene = Scene::new().await;
    let (first, second) = (scene.log_in().await, scene.log_in().await);
    assert_ne!(first.grant_id, second.grant_id);
    scene.goes_on(&first).await;
    scene.goes_on(&second).await;
}

#[tokio::test]
async fn a_revocation_that_is_repeated_is_answered_as_the_first() {
    let scene = Scene::new().await;
    let (first, second) = scene.lost_answer().await;
    for scope in [RevokeScope::AccessTokenOnly, RevokeScope::WholeGrant] {
        for _ in 0..3 {
            scene.revoke(&second.access_token, scope).await;
            assert!(!scene.introspect(&second.access_token).await);
        }
    }
    assert_refused(scene.refresh(&second).await);
    assert_refused(scene.refresh(&first).await);
}

#[tokio::test]
async fn a_life_of_less_than_a_second_is_never_answered() {
    let scene = Scene::new().await;
    let ask = async |ttl| scene.ask(IssueGrant::ClientCredentials, None, Some(ttl)).await;
    for short in [Duration::ZERO, Duration::from_nanos(1), SECOND / 2, 999 * MILLISECOND] {
        assert_invalid(ask(short).await, "ttl");
    }
    let shortest = ask(SECOND).await.expect("a token");
    assert_eq!(shortest.expires_in, SECOND);
    let longest = ask(2 * ACCESS).await.expect("a token");
    assert_eq!(longest.expires_in, ACCESS);
}

/// Each row of the table names its test, and each test is named.
#[test]
fn the_table_in_the_documentation_has_these_rows() {
    let page = include_str!("../../docs/concepts.md");
    let (_, table) =
        page.split_once("<!-- rows: tests/service_model/honest.rs -->").expect("the table");
    let rows = table.trim_start().lines().skip(2).take_while(|line| line.starts_with('|'));
    let shown: Vec<_> = rows.map(|row| row.rsplit('|').nth(1).expect("a cell").trim()).collect();
    let tests = include_str!("honest.rs").lines().filter_map(|line| line.strip_prefix("async fn "));
    let tests: Vec<_> = tests.map(|line| format!("`{}`", line.trim_end_matches("() {"))).collect();
    assert_eq!(shown, tests);
}
