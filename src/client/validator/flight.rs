//! One question at a time for each token, shared by all its callers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _, Shared, WeakShared};

use super::{clock::Moment, fingerprint::Fingerprint};

type Question<T> = BoxFuture<'static, T>;

/// The questions under way. A question goes on as long as a caller waits for it.
pub(super) struct Flights<T: Clone> {
    under_way: Arc<Mutex<UnderWay<T>>>,
    /// Age beyond which a question is not joined: its answer can be as old as the question.
    longest: Duration,
}

type UnderWay<T> = HashMap<Fingerprint, Flight<T>>;

struct Flight<T: Clone> {
    began: Moment,
    question: WeakShared<Question<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Returns an empty list, whose questions are joined up to this age.
    pub(super) fn joined_for(longest: Duration) -> Self {
        Self { under_way: Arc::default(), longest }
    }

    /// Joins the question about `token` that is under way, or begins the one that `ask` creates.
    pub(super) fn join<F>(
        &self,
        token: Fingerprint,
        now: Moment,
        ask: impl FnOnce() -> F,
    ) -> Shared<Question<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        let flight = under_way.get(&token).filter(|flight| now.since(flight.began) <= self.longest);
        if let Some(question) = flight.and_then(|flight| flight.question.upgrade()) {
            return question;
        }
        let landing = Landing { under_way: Arc::clone(&self.under_way), token };
        let question = ask();
        let question = async move {
            let answer = question.await;
            drop(landing);
            answer
        };
        let question = question.boxed().shared();
        // The question is not finished: it was not polled yet.
        let flight = question.downgrade().map(|question| Flight { began: now, question });
        under_way.extend(flight.map(|flight| (token, flight)));
        question
    }
}

/// Removes a question from the list when it is answered or no caller waits for it any more. If a
/// newer question about the same token took its place, that one goes on unlisted: the next caller
/// then asks once more than needed.
struct Landing<T: Clone> {
    under_way: Arc<Mutex<UnderWay<T>>>,
    token: Fingerprint,
}

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.token);
    }
}

fn lock<T: Clone>(under_way: &Mutex<UnderWay<T>>) -> MutexGuard<'_, UnderWay<T>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
