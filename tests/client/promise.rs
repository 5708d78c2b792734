//! The promise, kept by a ledger that knows when each revocation was acknowledged.

use std::time::{Duration, SystemTime};

use jeton::client::{Refusal, Validator, validator::Options};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::fake::{Fake, refusal, until};

const STEP: Duration = Duration::from_millis(20);

/// Revokes under `trouble`, and returns the time for which the token was still accepted after that.
/// The trouble ends after ten seconds; the token is never accepted again.
async fn accepted_after_revocation(trouble: impl Fn(&Fake, bool)) -> Duration {
    let fake = Fake::start();
    let options = Options::default();
    let max_staleness = options.max_staleness;
    let validator = Validator::start(fake.client(), options);
    until("to follow", || validator.staleness().is_some()).await;
    validator.validate("jat_good").await.expect("active");
    trouble(&fake, true);
    fake.revoke("grant");
    let acknowledged = Instant::now();
    let mut last = Duration::ZERO;
    let mut ended = false;
    while acknowledged.elapsed() < Duration::from_secs(30) {
        if !ended && acknowledged.elapsed() > Duration::from_secs(10) {
            ended = true;
            trouble(&fake, false);
        }
        if validator.validate("jat_good").await.is_ok() {
            last = acknowledged.elapsed();
        }
        sleep(STEP).await;
    }
    assert!(last <= max_staleness + STEP, "accepted {last:?} after its revocation");
    last
}

#[tokio::test(start_paused = true)]
async fn without_trouble_a_revoked_token_is_refused_at_once() {
    let last = accepted_after_revocation(|_, _| ()).await;
    assert!(last <= STEP, "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_messages_sit_in_a_buffer_proves_nothing() {
    let last = accepted_after_revocation(|fake, on| fake.change(|world| world.mute = on)).await;
    assert!(last > STEP, "the trouble was none: {last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_nothing_but_its_watch_costs_the_tokens_and_not_the_promise() {
    accepted_after_revocation(|fake, on| {
        let down = refusal(Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
        fake.change(|world| (world.fault, world.mute) = (on.then_some(down), on));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_answers_are_late_is_believed_no_longer_than_promised() {
    accepted_after_revocation(|fake, on| {
        fake.change(|world| (world.hold, world.mute) = (on, on));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_all_the_time_keeps_the_promise() {
    let fake = Fake::start();
    let validator = Validator::start(fake.client(), Options::default());
    until("to follow", || validator.staleness().is_some()).await;
    for grant in 0..50 {
        let token = format!("jat_{grant}");
        fake.know(&token, &token);
        validator.validate(&token).await.expect("active");
        fake.break_watches();
        fake.revoke(&token);
        let acknowledged = Instant::now();
        while validator.validate(&token).await.is_ok() {
            sleep(STEP).await;
        }
        let refused = acknowledged.elapsed();
        assert!(refused <= Options::default().max_staleness + STEP, "{refused:?}");
    }
    assert!(validator.counts().resumed >= 20, "{:?}", validator.counts());
}

/// The watch is with one instance, the questions with another one that has not heard of the revocation.
#[tokio::test(start_paused = true)]
async fn an_instance_that_is_behind_does_not_bring_a_revoked_token_back() {
    let fake = Fake::start();
    let validator = Validator::start(fake.client(), Options::default());
    until("to follow", || validator.staleness().is_some()).await;
    validator.validate("jat_good").await.expect("active");
    fake.know("jat_other", "other");
    fake.fall_behind();
    fake.revoke("grant");
    until("to hear", || validator.counts().revocations > 0).await;
    let refused = validator.validate("jat_good").await;
    assert!(matches!(refused, Err(Refusal::Unknown(_))), "{refused:?}");
    let counts = validator.counts();
    assert!((2..100).contains(&counts.overtaken), "asked again, and not all the time: {counts:?}");
    // No event that the instance may lack concerns this token.
    validator.validate("jat_other").await.expect("active");
    assert!(validator.recall("jat_other").is_some(), "it is kept");
    fake.catch_up();
    let refused = validator.validate("jat_good").await;
    assert!(matches!(refused, Err(Refusal::Inactive)), "{refused:?}");
}

/// Returns a validator that first sees `jat_good` while its watch is silent, and the time of the
/// revocation, of which the instance that answers has not heard.
async fn first_sight_at_an_instance_that_is_behind(fake: &Fake) -> (Validator, Instant) {
    let validator = Validator::start(fake.client(), Options::default());
    until("to follow", || validator.staleness().is_some()).await;
    fake.fall_behind();
    fake.change(|world| world.mute = true);
    fake.revoke("grant");
    let acknowledged = Instant::now();
    sleep((Options::default().max_staleness / 2).saturating_sub(STEP)).await;
    (validator, acknowledged)
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_an_instance_that_is_behind_is_used_for_the_rest_of_the_promise() {
    let fake = Fake::start();
    let (validator, acknowledged) = first_sight_at_an_instance_that_is_behind(&fake).await;
    validator.validate("jat_good").await.expect("it is not known better");
    fake.catch_up();
    while validator.validate("jat_good").await.is_ok() {
        sleep(STEP).await;
    }
    let refused = acknowledged.elapsed();
    assert!(refused <= Options::default().max_staleness + STEP, "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_under_way_for_long_is_not_joined() {
    let fake = Fake::start();
    let (validator, acknowledged) = first_sight_at_an_instance_that_is_behind(&fake).await;
    fake.change(|world| world.hold = true);
    let first = tokio::spawn({
        let validator = validator.clone();
        async move { validator.validate("jat_good").await }
    });
    sleep(Options::default().max_staleness / 2 + 2 * STEP).await;
    fake.catch_up();
    assert!(acknowledged.elapsed() > Options::default().max_staleness);
    let late = tokio::spawn(async move { validator.validate("jat_good").await });
    sleep(STEP).await;
    fake.change(|world| world.hold = false);
    first.await.expect("it ran").expect("it began in time");
    let late = late.await.expect("it ran");
    assert!(matches!(late, Err(Refusal::Inactive)), "{late:?}");
}

/// The same before anything was heard: the watch begins behind the revocation.
#[tokio::test(start_paused = true)]
async fn what_an_instance_says_that_is_behind_the_beginning_is_not_kept() {
    let fake = Fake::start();
    fake.know("jat_other", "other");
    fake.fall_behind();
    fake.revoke("grant");
    let validator = Validator::start(fake.client(), Options::default());
    until("to follow", || validator.staleness().is_some()).await;
    // No older than any first answer may be.
    validator.validate("jat_good").await.expect("it is not known better");
    validator.validate("jat_other").await.expect("active");
    assert_eq!(validator.counts().unkept, 2);
    assert!(validator.recall("jat_good").is_none() && validator.recall("jat_other").is_none());
    fake.catch_up();
    let refused = validator.validate("jat_good").await;
    assert!(matches!(refused, Err(Refusal::Inactive)), "{refused:?}");
    validator.validate("jat_other").await.expect("active");
    assert!(validator.recall("jat_other").is_some(), "it is kept");
}

#[expect(clippy::disallowed_methods, reason = "the clock that must not count")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[tokio::test(start_paused = true)]
async fn neither_the_wall_clock_nor_what_it_is_at_the_server_counts() {
    let began = wall_clock();
    // Times by a clock that is far behind this one, and by one that is far ahead.
    for seconds in [0, 9_000_000_000] {
        let fake = Fake::start();
        let time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        fake.change(|world| {
            let answer = world.tokens.get_mut("jat_good").expect("the token");
            (answer.issue_time, answer.expire_time) = (time, time);
        });
        let options = Options::default();
        let max_staleness = options.max_staleness;
        let validator = Validator::start(fake.client(), options);
        until("to follow", || validator.staleness().is_some()).await;
        let asked = || fake.world().calls("Introspect");
        // `cache_ttl` is a minute.
        for (pause, questions) in [(0, 1), (59, 1), (2, 2)] {
            sleep(Duration::from_secs(pause)).await;
            validator.validate("jat_good").await.expect("active");
            assert_eq!(asked(), questions, "{seconds}");
        }
        fake.change(|world| world.mute = true);
        fake.revoke("grant");
        let acknowledged = Instant::now();
        while validator.validate("jat_good").await.is_ok() {
            sleep(STEP).await;
        }
        let refused = acknowledged.elapsed();
        assert!(refused > STEP && refused <= max_staleness + STEP, "{refused:?}");
    }
    let passed = wall_clock().duration_since(began).expect("a clock that was left alone");
    assert!(
        passed < Duration::from_secs(30),
        "two minutes passed, but not by this clock: {passed:?}"
    );
}
