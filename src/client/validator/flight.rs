//! One question at a time for each token, shared by all its callers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt as _, Shared, WeakShared};

use super::memory::Fingerprint;

type Question<T> = BoxFuture<'static, T>;

/// The questions under way. A question goes on as long as a caller waits for it.
pub(super) struct Flights<T: Clone>(Arc<Mutex<UnderWay<T>>>);

type UnderWay<T> = HashMap<Fingerprint, WeakShared<Question<T>>>;

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Joins the question about `token` that is under way, or begins the one that `ask` creates.
    pub(super) fn join<F>(&self, token: Fingerprint, ask: impl FnOnce() -> F) -> Shared<Question<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.0);
        if let Some(question) = under_way.get(&token).and_then(WeakShared::upgrade) {
            return question;
        }
        let landing = Landing { under_way: Arc::clone(&self.0), token };
        let question = ask();
        let question = async move {
            let answer = question.await;
            drop(landing);
            answer
        };
        let question = question.boxed().shared();
        // The question is not finished: it was not polled yet.
        under_way.extend(question.downgrade().map(|weak| (token, weak)));
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
