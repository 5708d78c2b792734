//! The validator: what it asks, what it remembers, what it forgets.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::client::{
    Refusal, Validator,
    validator::{Counts, Options},
};
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

use crate::fake::{Fake, refusal, until};

/// A validator that follows its server.
async fn following(fake: &Fake, options: Options) -> Validator {
    let validator = Validator::start(fake.client(), options);
    until("to follow", || validator.staleness().is_some()).await;
    validator
}

async fn standard(fake: &Fake) -> Validator {
    following(fake, Options::default()).await
}

async fn accepts(validator: &Validator, token: &str) -> bool {
    match validator.validate(token).await {
        Ok(_) => true,
        Err(Refusal::Inactive) => false,
        Err(unknown) => panic!("{unknown:?}"),
    }
}

fn asked(fake: &Fake) -> usize {
    fake.world().calls("Introspect")
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_about_once_and_then_known() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    let claims = validator.validate("jat_good").await.expect("active");
    assert_eq!((claims.subject.as_str(), claims.username.as_deref()), ("usr_1", Some("alice")));
    assert!(claims.has_scope("read") && !claims.has_scope("write"));
    assert!(claims.is_for("billing") && !claims.is_for("orders"));
    for _ in 0..30 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(validator.validate("jat_good").await.expect("active"), claims);
    }
    assert_eq!(asked(&fake), 1);
    let Counts { hits, asked, .. } = validator.counts();
    assert_eq!((hits, asked), (30, 1));
}

#[tokio::test(start_paused = true)]
async fn everyone_who_sees_a_token_first_at_the_same_time_shares_one_question() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    let all = join_all((0..100).map(|_| accepts(&validator, "jat_good"))).await;
    assert!(all.into_iter().all(|accepted| accepted));
    assert_eq!(asked(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_on_when_the_one_who_asked_first_has_left() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    fake.change(|world| world.hold = true);
    let second = {
        let hurried = timeout(Duration::from_millis(10), validator.validate("jat_good"));
        let patient = validator.clone();
        let second = tokio::spawn(async move { accepts(&patient, "jat_good").await });
        assert!(hurried.await.is_err());
        second
    };
    fake.change(|world| world.hold = false);
    assert!(second.await.expect("no panic"));
    assert_eq!(asked(&fake), 1);
    // And a flight that all waiters have left is asked again.
    fake.know("jat_other", "other");
    fake.change(|world| world.hold = true);
    let hurried = timeout(Duration::from_millis(10), validator.validate("jat_other"));
    assert!(hurried.await.is_err());
    fake.change(|world| world.hold = false);
    assert!(accepts(&validator, "jat_other").await);
    assert_eq!(asked(&fake), 3);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_heard_without_asking() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    fake.know("jat_other", "other");
    assert!(accepts(&validator, "jat_good").await && accepts(&validator, "jat_other").await);
    fake.revoke("grant");
    until("to hear", || validator.counts().revocations == 1).await;
    assert!(!accepts(&validator, "jat_good").await);
    assert!(accepts(&validator, "jat_other").await);
    // The other one was still known.
    assert_eq!(asked(&fake), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_revocation_overtook_is_asked_for_again() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    fake.change(|world| world.hold = true);
    let late = validator.clone();
    let late = tokio::spawn(async move { late.validate("jat_good").await });
    until("to be decided", || asked(&fake) == 1).await;
    fake.revoke("grant");
    until("to hear", || validator.counts().revocations == 1).await;
    fake.change(|world| world.hold = false);
    let answer = late.await.expect("no panic");
    assert!(matches!(answer, Err(Refusal::Inactive)), "{answer:?}");
    assert_eq!((validator.counts().overtaken, asked(&fake)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_with_its_cache_ttl() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    assert!(accepts(&validator, "jat_good").await);
    sleep(Duration::from_secs(61)).await;
    assert!(accepts(&validator, "jat_good").await);
    assert_eq!(asked(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_active_is_asked_about_once_in_a_while() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    for _ in 0..9 {
        assert!(!accepts(&validator, "jat_bad").await);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((asked(&fake), validator.counts().remembered_refusals), (1, 8));
    sleep(Duration::from_secs(1)).await;
    fake.know("jat_bad", "late");
    assert!(accepts(&validator, "jat_bad").await);
}

#[tokio::test(start_paused = true)]
async fn text_that_no_access_token_has_is_refused_without_asking() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    let long = format!("jat_{}", "a".repeat(97));
    for text in ["", "jat", "jrt_good", "jat_go od", "jat_gööd", long.as_str()] {
        assert!(!accepts(&validator, text).await, "{text}");
    }
    assert_eq!((asked(&fake), validator.counts().malformed), (0, 6));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_is_resumed_where_it_was_and_misses_nothing() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    fake.know("jat_other", "other");
    assert!(accepts(&validator, "jat_good").await && accepts(&validator, "jat_other").await);
    fake.revoke("other");
    until("to hear", || validator.counts().revocations == 1).await;
    fake.break_watches();
    fake.revoke("grant");
    until("to hear", || validator.counts().revocations == 2).await;
    assert!(!accepts(&validator, "jat_good").await);
    let opened = fake.world().opened.clone();
    assert!(opened.len() == 2 && opened[0] < opened[1], "{opened:?}");
    assert_eq!((validator.counts().resumed, validator.counts().begun_anew), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_cannot_be_resumed_forgets_everything_and_begins_anew() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    assert!(accepts(&validator, "jat_good").await);
    fake.lose_store();
    until("to begin anew", || validator.counts().begun_anew == 1).await;
    until("to follow", || validator.staleness().is_some()).await;
    assert!(accepts(&validator, "jat_good").await);
    assert_eq!(asked(&fake), 2);
    fake.revoke("grant");
    until("to hear", || validator.counts().revocations == 1).await;
    assert!(!accepts(&validator, "jat_good").await);
}

#[tokio::test(start_paused = true)]
async fn all_whose_watch_a_server_ends_leave_it_alone_as_asked_and_come_back_one_by_one() {
    let fake = Fake::start();
    let mut validators = Vec::new();
    for _ in 0..50 {
        validators.push(standard(&fake).await);
    }
    fake.change(|world| (world.pushback, world.opened_at) = (Some("1000"), Vec::new()));
    let ended = Instant::now();
    fake.break_watches();
    until("to come back", || fake.world().opened_at.len() == 50).await;
    let mut pauses: Vec<_> =
        fake.world().opened_at.iter().map(|opened| opened.duration_since(ended)).collect();
    assert!(pauses.iter().all(|pause| pause.as_millis() >= 1_000), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 5, "all at once: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_given_up_and_resumed() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    fake.change(|world| world.mute = true);
    until("to resume", || validator.counts().resumed == 1).await;
    fake.change(|world| world.mute = false);
    until("to follow", || validator.staleness().is_some_and(|age| age.as_secs() < 2)).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_watch_that_keeps_up_the_server_is_asked_twice_in_max_staleness() {
    let fake = Fake::start();
    let validator = Validator::start(fake.client(), Options::default());
    fake.change(|world| world.mute = true);
    for step in 0..100 {
        // The feed moves, and the watch does not.
        fake.revoke(&format!("other{step}"));
        assert!(accepts(&validator, "jat_good").await);
        sleep(Duration::from_millis(100)).await;
    }
    let asked = asked(&fake);
    assert!((8..=11).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_proven_is_refused_and_the_error_says_why() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    assert!(accepts(&validator, "jat_good").await);
    let down = refusal(Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    fake.change(|world| world.fault = Some(down));
    fake.break_watches();
    assert!(accepts(&validator, "jat_good").await, "as long as it is proven");
    sleep(Duration::from_millis(2_100)).await;
    let answer = validator.validate("jat_good").await;
    assert!(matches!(answer, Err(Refusal::Unknown(_))), "{answer:?}");
    assert_eq!(validator.counts().unanswered, 1);
    fake.change(|world| world.fault = None);
    until("to follow", || validator.staleness().is_some_and(|age| age.as_secs() < 2)).await;
    assert!(accepts(&validator, "jat_good").await);
}

#[tokio::test(start_paused = true)]
async fn a_grace_period_that_is_asked_for_is_granted_and_ends() {
    let fake = Fake::start();
    let grace = Duration::from_secs(10);
    let validator = following(&fake, Options { grace, ..Options::default() }).await;
    assert!(accepts(&validator, "jat_good").await);
    let down = refusal(Code::InvalidArgument, "ACCESS_DENIED");
    fake.change(|world| world.fault = Some(down));
    fake.break_watches();
    sleep(Duration::from_secs(5)).await;
    assert!(accepts(&validator, "jat_good").await);
    assert_eq!(validator.counts().graced, 1);
    sleep(Duration::from_secs(8)).await;
    let answer = validator.validate("jat_good").await;
    assert!(matches!(answer, Err(Refusal::Unknown(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_with_the_last_clone() {
    let fake = Fake::start();
    let validator = standard(&fake).await;
    until("to watch", || fake.world().open == 1).await;
    let clone = validator.clone();
    drop(validator);
    assert!(accepts(&clone, "jat_good").await);
    drop(clone);
    until("to leave", || fake.world().open == 0).await;
}
