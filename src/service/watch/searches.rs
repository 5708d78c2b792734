//! The searches for those who hold tokens that an event ends or changes: each goes on by itself, whoever
//! waits for it, and is taken up where it stood.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::sync::Semaphore;

use super::{event::Holders, holders::Progress};
use crate::{
    domain::change::Change,
    store::{ReadError, Sequence, Store},
};

/// Searches that read at a time: calls have their share of the store too.
const AT_A_TIME: usize = 4;
/// Searches that are remembered, found or not: more than a watch takes at once.
const REMEMBERED: usize = 1_024;

type Outcome = Result<Arc<Holders>, ReadError>;
/// What a search comes to.
pub(super) type Finding = Shared<BoxFuture<'static, Outcome>>;

/// The searches of one process, by the event that each is for.
pub(super) struct Searches {
    remembered: Mutex<Remembered>,
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
        Self { remembered: Mutex::default(), turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Who may hold tokens that the event `sequence`, which says `change`, ends or changes. Begins the
    /// search, or goes on with it, if nobody else has. It does not end when the caller waits no longer.
    pub(super) fn find<S: Store>(
        &self,
        store: &Arc<S>,
        sequence: Sequence,
        change: &Change,
    ) -> Finding {
        let search = self.search(sequence, change);
        let mut state = search.lock();
        let progress = match &mut *state {
            State::Begun(finding) => return finding.clone(),
            State::Paused(progress) => mem::take(progress),
        };
        let (store, turns) = (Arc::clone(store), Arc::clone(&self.turns));
        let (change, paused) = (change.clone(), Arc::clone(&search));
        let task = tokio::spawn(async move {
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

    fn search(&self, sequence: Sequence, change: &Change) -> Arc<Search> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
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
}

impl Search {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is held leaves it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
