//! The time that answers of an issuer count, and the number of questions.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jeton::{
    domain::{
        assertion::Asserted, cause::Cause, error::Error, secret::Secret, token_review::TokenReview,
    },
    service::{TokenReviewer, TrustedIssuers},
};
use tokio::task::{JoinSet, yield_now};

use super::scene::{CLUSTER, HERE, Moving, rules};

const ACCOUNT: &str = "system:serviceaccount:shop:orders";

/// An issuer that confirms every token, or that hangs.
struct Reviewer {
    asked: AtomicUsize,
    hangs: bool,
}

impl TokenReviewer for Reviewer {
    fn review<'a>(
        &'a self,
        _: &'a Secret,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<TokenReview, Box<str>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let review = TokenReview {
            authenticated: true,
            audiences: vec![audience.to_owned()],
            username: ACCOUNT.to_owned(),
            uid: String::new(),
        };
        Box::pin(async move { if self.hangs { pending().await } else { Ok(review) } })
    }
}

struct Scene {
    clock: Arc<Moving>,
    trusted: Arc<TrustedIssuers>,
    reviewer: Arc<Reviewer>,
}

impl Scene {
    fn new(hangs: bool) -> Self {
        let clock = Arc::new(Moving::default());
        let reviewer = Arc::new(Reviewer { asked: AtomicUsize::new(0), hangs });
        let rules = rules("prod", Some(CLUSTER));
        let name = rules.name.clone();
        let shared = clock.clone() as _;
        let trusted = TrustedIssuers::new(HERE, vec![rules], &shared);
        let trusted = Arc::new(trusted.reviewed_by(&name, reviewer.clone(), &shared));
        Self { clock, trusted, reviewer }
    }

    async fn confirm(&self, token: &str) -> Result<(), Error> {
        confirm(&self.trusted, token).await
    }

    fn asked(&self) -> usize {
        self.reviewer.asked.load(Ordering::SeqCst)
    }
}

async fn confirm(trusted: &TrustedIssuers, token: &str) -> Result<(), Error> {
    let issuer = rules("prod", None).name;
    let asserted = Asserted { issuer, subject: ACCOUNT.to_owned(), uid: None };
    trusted.confirm(&Secret::new(token), &asserted).await
}

#[tokio::test]
async fn a_good_answer_counts_for_five_seconds_from_its_question() {
    let scene = Scene::new(false);
    assert_eq!(scene.confirm("one").await, Ok(()));
    scene.clock.advance(Duration::from_millis(4_999));
    assert_eq!(scene.confirm("one").await, Ok(()));
    assert_eq!(scene.asked(), 1);
    assert_eq!(scene.confirm("another").await, Ok(()));
    assert_eq!(scene.asked(), 2);
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(scene.confirm("one").await, Ok(()));
    assert_eq!(scene.asked(), 3);
}

#[tokio::test]
async fn answers_beyond_the_bound_count_once_and_there_is_room_again_when_the_others_are_old() {
    let scene = Scene::new(false);
    for number in 0..5_000 {
        assert_eq!(scene.confirm(&number.to_string()).await, Ok(()));
    }
    assert_eq!(scene.asked(), 5_000);
    assert_eq!(scene.confirm("0").await, Ok(()));
    assert_eq!(scene.asked(), 5_000, "an early one is remembered");
    assert_eq!(scene.confirm("4999").await, Ok(()));
    assert_eq!(scene.asked(), 5_001, "a late one is not");
    scene.clock.advance(Duration::from_secs(5));
    for _ in 0..2 {
        assert_eq!(scene.confirm("4999").await, Ok(()));
    }
    assert_eq!(scene.asked(), 5_002);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_has_so_many_questions_and_the_next_token_waits_for_none() {
    let scene = Scene::new(true);
    let mut waiting = JoinSet::new();
    for number in 0..64 {
        let trusted = Arc::clone(&scene.trusted);
        waiting.spawn(async move { confirm(&trusted, &number.to_string()).await });
    }
    while scene.asked() < 64 {
        yield_now().await;
    }
    assert_eq!(scene.confirm("one more").await, Err(Error::UNAVAILABLE));
    assert_eq!(scene.asked(), 64);
    assert!(waiting.try_join_next().is_none(), "they wait");
    for outcome in waiting.join_all().await {
        assert_eq!(outcome, Err(Error::UNAVAILABLE));
    }
    assert_ne!(scene.confirm("one more").await, Err(Error::InvalidClient(Cause::DeniedByIssuer)));
    assert_eq!(scene.asked(), 65, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_takes_its_question_from_nobody() {
    let scene = Scene::new(true);
    let trusted = Arc::clone(&scene.trusted);
    let first = tokio::spawn(async move { confirm(&trusted, "one").await });
    while scene.asked() < 1 {
        yield_now().await;
    }
    let trusted = Arc::clone(&scene.trusted);
    let second = tokio::spawn(async move { confirm(&trusted, "one").await });
    yield_now().await;
    first.abort();
    assert_eq!(second.await.expect("no panic"), Err(Error::UNAVAILABLE));
    assert_eq!(scene.asked(), 1);
    let fault = scene.trusted.iter().find_map(|issuer| issuer.reviews.as_ref()?.fault());
    assert_eq!(fault.as_deref(), Some("no answer within 5 seconds"));
}
