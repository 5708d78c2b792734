//! Reviews of one issuer's tokens: one question about a token at a time, and answers that are remembered.
//!
//! A question runs in a task of its own: a caller that goes away ends it for nobody else, and its outcome
//! shows in any case.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{review_metrics::IssuerReviews, token_reviewer::TokenReviewer};
use crate::domain::{
    assertion::Asserted,
    cause::Cause,
    error::Error,
    secret::Secret,
    time::Clock,
    token_review::{TokenHash, TokenReview},
};

/// Time from a question to the end of its good answer. An API server remembers one for 10 seconds itself:
/// this adds half of that to the life of a deleted account, and a client that shows its token with each
/// request costs a question in 5 seconds.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Good answers that are remembered at a time, of about 100 bytes each. Others are asked for each time.
const MOST_REMEMBERED: usize = 4_096;
/// Longest time of a question.
const LONGEST: Duration = Duration::from_secs(5);
/// Questions under way at a time. A token beyond them is `Unavailable` at once.
const MOST_QUESTIONS: usize = 64;
/// Requests that wait for answers at a time. More are `Unavailable` at once.
const MOST_WAITING: usize = 256;

/// Answer to a question, for all who wait for it. `None` while it is under way.
type Answer = watch::Receiver<Option<Verdict>>;

/// Outcome of a question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Confirmed,
    Denied,
    /// Nobody knows.
    Unknown,
}

/// Knowledge about one token.
enum Known {
    Asked(Answer),
    /// The age of the process when the question was asked.
    Confirmed(Duration),
}

#[derive(Default)]
struct State {
    known: HashMap<TokenHash, Known>,
    /// Reason for which the last question was not answered.
    fault: Option<Box<str>>,
}

/// An issuer that is asked about its tokens, and its answers.
pub struct TokenReviews {
    reviewer: Arc<dyn TokenReviewer>,
    /// This server's own issuer, which the tokens are meant for.
    audience: Box<str>,
    clock: Arc<dyn Clock>,
    metrics: IssuerReviews,
    state: Mutex<State>,
    questions: Arc<Semaphore>,
    waiting: Semaphore,
}

/// A token and what jeton has found in it.
struct Question {
    token: Secret,
    asserted: Asserted,
    hash: TokenHash,
    asked_at: Duration,
}

impl TokenReviews {
    /// An issuer that was asked nothing yet.
    pub(in crate::service) fn by(
        reviewer: Arc<dyn TokenReviewer>,
        audience: &str,
        clock: Arc<dyn Clock>,
        metrics: IssuerReviews,
    ) -> Self {
        Self {
            reviewer,
            audience: audience.into(),
            clock,
            metrics,
            state: Mutex::default(),
            questions: Arc::new(Semaphore::new(MOST_QUESTIONS)),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// Asks the issuer whether it vouches for a token that is good by its signature, unless it has done so
    /// within the last 5 seconds.
    ///
    /// # Errors
    /// `InvalidClient` if it does not; `Unavailable` if nobody knows within 5 seconds.
    pub(in crate::service) async fn confirm(
        self: &Arc<Self>,
        token: &Secret,
        asserted: &Asserted,
    ) -> Result<(), Error> {
        let Some(mut answer) = self.answer(token, asserted)? else { return Ok(()) };
        let Ok(_place) = self.waiting.try_acquire() else { return Err(Error::UNAVAILABLE) };
        let verdict = answer.wait_for(Option::is_some).await;
        match verdict.ok().and_then(|verdict| *verdict) {
            Some(Verdict::Confirmed) => Ok(()),
            Some(Verdict::Denied) => Err(Error::InvalidClient(Cause::DeniedByIssuer)),
            Some(Verdict::Unknown) | None => Err(Error::UNAVAILABLE),
        }
    }

    /// Reason for which the last question was not answered.
    pub fn fault(&self) -> Option<Box<str>> {
        self.state().fault.clone()
    }

    /// The answer that is under way, or that of a new question. `None` if it is remembered.
    fn answer(
        self: &Arc<Self>,
        token: &Secret,
        asserted: &Asserted,
    ) -> Result<Option<Answer>, Error> {
        let (hash, now) = (TokenHash::of(token), self.clock.age());
        let mut state = self.state();
        match state.known.get(&hash) {
            Some(Known::Confirmed(asked_at)) if is_fresh(*asked_at, now) => return Ok(None),
            // Without a sender its task has ended in a panic.
            Some(Known::Asked(answer)) if answer.has_changed().is_ok() => {
                return Ok(Some(answer.clone()));
            }
            _ => {}
        }
        let place = Arc::clone(&self.questions).try_acquire_owned();
        let place = place.map_err(|_| Error::UNAVAILABLE)?;
        let (verdict, answer) = watch::channel(None);
        state.known.insert(hash, Known::Asked(answer.clone()));
        drop(state);
        let (token, asserted) = (token.clone(), asserted.clone());
        let question = Question { token, asserted, hash, asked_at: now };
        let reviews = Arc::clone(self);
        tokio::spawn(async move {
            let found = reviews.ask(&question).await;
            reviews.note(&question, found);
            verdict.send_replace(Some(found));
            drop(place);
        });
        Ok(Some(answer))
    }

    /// Asks, and shows the outcome to operators.
    async fn ask(&self, question: &Question) -> Verdict {
        let asking = self.reviewer.review(&question.token, &self.audience);
        let late = || format!("no answer within {} seconds", LONGEST.as_secs()).into_boxed_str();
        let answer = timeout(LONGEST, asking).await.unwrap_or_else(|_| Err(late()));
        let issuer = &question.asserted.issuer;
        match answer {
            Ok(review) => {
                if self.state().fault.take().is_some() {
                    tracing::info!(%issuer, "the issuer can be asked about its tokens again");
                }
                self.judge(&review, &question.asserted)
            }
            Err(fault) => {
                if self.state().fault.replace(fault.clone()).is_none() {
                    tracing::error!(
                        %issuer,
                        %fault,
                        "the issuer cannot be asked about its tokens: they are UNAVAILABLE"
                    );
                }
                self.metrics.failed();
                Verdict::Unknown
            }
        }
    }

    fn judge(&self, review: &TokenReview, asserted: &Asserted) -> Verdict {
        if review.confirms(asserted, &self.audience) {
            self.metrics.confirmed();
            Verdict::Confirmed
        } else {
            self.metrics.denied();
            Verdict::Denied
        }
    }

    /// Remembers a good answer, within bounds, and forgets the question.
    fn note(&self, question: &Question, found: Verdict) {
        let now = self.clock.age();
        let mut state = self.state();
        state.known.remove(&question.hash);
        if found != Verdict::Confirmed {
            return;
        }
        if state.known.len() >= MOST_REMEMBERED {
            state.known.retain(|_, known| match known {
                Known::Asked(answer) => answer.has_changed().is_ok(),
                Known::Confirmed(asked_at) => is_fresh(*asked_at, now),
            });
        }
        if state.known.len() < MOST_REMEMBERED {
            state.known.insert(question.hash, Known::Confirmed(question.asked_at));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(asked_at: Duration, now: Duration) -> bool {
    now.saturating_sub(asked_at) < REMEMBERED
}
