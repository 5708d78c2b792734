//! The searches for those who hold tokens that an event ends or changes: each runs in a task of its
//! own and resumes where it stopped.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{self, BoxFuture, Shared},
};
use tokio::sync::Semaphore;

use super::{event::Holders, holders::Progress};
use crate::{
    domain::change::Change,
    store::{ReadError, Sequence, Store},
};

/// Searches that read at a time: calls have their share of the store too.
const AT_A_TIME: usize = 4;
/// Searches that are remembered, found or not: more than a watch takes at once. As many are begun
/// and have not ended at most.
const REMEMBERED: usize = 1_024;

type Outcome = Result<Arc<Holders>, ReadError>;
/// Result of a search.
pub(super) type Finding = Shared<BoxFuture<'static, Outcome>>;

/// The searches of one process, by the event that each is for.
pub(super) struct Searches {
    remembered: Mutex<Remembered>,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Remembered {
    searches: HashMap<Sequence, Arc<Search>>,
    /// The oldest first.
    order: VecDeque<Sequence>,
}

/// A search for those who may hear of `change`.
struct Search {
    change: Change,
    state: Mutex<State>,
}

enum State {
    /// Nobody has begun it, or the store could not be read.
    Paused(Progress),
    /// A task of its own goes on with it, or has ended it.
    Begun(Finding),
}

impl Searches {
    pub(super) fn new() -> Self {
        Self {
            remembered: Mutex::default(),
            places: Arc::new(Semaphore::new(REMEMBERED)),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Returns the possible holders of tokens that the event `sequence` with `change` ends or
    /// changes. Begins or resumes the search, unless it runs. The search outlives its caller. At
    /// the limit of searches the future never ends: the caller asks again.
    pub(super) fn find<S: Store>(
        &self,
        store: &Arc<S>,
        sequence: Sequence,
        change: &Change,
    ) -> Finding {
        if let Some(finding) = self.begun(sequence, change) {
            return finding;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return future::pending().boxed().shared();
        };
        let search = self.search(sequence, change);
        let mut state = search.lock();
        let progress = match &mut *state {
            State::Begun(finding) => return finding.clone(),
            State::Paused(progress) => mem::take(progress),
        };
        let (store, turns) = (Arc::clone(store), Arc::clone(&self.turns));
        let (change, paused) = (change.clone(), Arc::clone(&search));
        let task = tokio::spawn(async move {
            let _place = place;
            let _turn = turns.acquire().await;
            let mut progress = progress;
            let gone_on = progress.go_on(&*store, &change).await;
            match gone_on {
                Ok(()) => Ok(Arc::new(progress.into_holders())),
                Err(error) => {
                    *paused.lock() = State::Paused(progress);
                    Err(error)
                }
            }
        });
        // The task ends with the runtime, or by a panic.
        let finding = task.map(|ended| ended.unwrap_or(Err(ReadError::Unavailable)));
        let finding = finding.boxed().shared();
        *state = State::Begun(finding.clone());
        finding
    }

    /// Returns the result of a search that runs or has ended.
    fn begun(&self, sequence: Sequence, change: &Change) -> Option<Finding> {
        let remembered = self.lock();
        let known = remembered.searches.get(&sequence).filter(|search| search.change == *change)?;
        let state = known.lock();
        match &*state {
            State::Begun(finding) => Some(finding.clone()),
            State::Paused(_) => None,
        }
    }

    fn search(&self, sequence: Sequence, change: &Change) -> Arc<Search> {
        let mut remembered = self.lock();
        // Another event has the number where a store has lost its last ones.
        let known = remembered.searches.get(&sequence).filter(|search| search.change == *change);
        if let Some(search) = known {
            return Arc::clone(search);
        }
        if remembered.order.len() == REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.searches.remove(&oldest);
        }
        let state = Mutex::new(State::Paused(Progress::default()));
        let search = Arc::new(Search { change: change.clone(), state });
        remembered.order.push_back(sequence);
        remembered.searches.insert(sequence, Arc::clone(&search));
        search
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // A panic while it is held leaves at worst a search that is found by its number alone.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Search {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is held leaves it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{change::UserChange, subject::UserId},
        store::memory::MemoryStore,
    };

    fn few(number: usize) -> u32 {
        u32::try_from(number).expect("a small number")
    }

    #[tokio::test]
    async fn no_more_searches_are_under_way_than_are_remembered_and_whoever_asks_again_is_answered()
    {
        let (searches, store) = (Searches::new(), Arc::new(MemoryStore::default()));
        let user_id = UserId::from_bytes([1; 16]);
        let change = Change::UserChanged(UserChange { user_id, refused: false, time: None });
        let find = |number| searches.find(&store, Sequence(number), &change);
        let busy = searches.turns.acquire_many(few(AT_A_TIME)).await.expect("it is open");
        let first = find(1);
        for number in 2..3_000 {
            drop(find(number));
        }
        assert_eq!(searches.places.available_permits(), 0);
        assert_eq!(searches.lock().order.len(), REMEMBERED);
        drop(busy);
        first.await.expect("memory does not fail");
        // All of them have ended.
        drop(searches.places.acquire_many(few(REMEMBERED)).await.expect("it is open"));
        find(2_999).await.expect("memory does not fail");
    }
}
