//! A few permits, for which parties wait in turns: a crowd of one keeps nobody of another waiting.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::{
    holder::{Account, Holder},
    shares::fair,
};
use crate::domain::error::Error;

/// Permits, and waiters for one. A returned permit goes to the next party, there to its next
/// member, and there to the longest waiter.
pub(super) struct FairQueue {
    most_waiting: usize,
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Names one that waits; counts up.
    next_ticket: u64,
    waiting: usize,
    parties: Ring<Ring<VecDeque<Waiting>>>,
}

struct Waiting {
    ticket: u64,
    turn: oneshot::Sender<Permit>,
}

/// Lines by holder, and the order in which they have their turns.
struct Ring<L> {
    /// Waiting in all lines.
    waiting: usize,
    order: VecDeque<Holder>,
    lines: HashMap<Holder, L>,
}

impl<L> Default for Ring<L> {
    fn default() -> Self {
        Self { waiting: 0, order: VecDeque::new(), lines: HashMap::new() }
    }
}

impl<L: Default> Ring<L> {
    /// The line of `holder`, which is the last to have its turn when it is new.
    fn line(&mut self, holder: Holder) -> &mut L {
        self.lines.entry(holder).or_insert_with(|| {
            self.order.push_back(holder);
            L::default()
        })
    }

    fn remove(&mut self, holder: &Holder) {
        self.lines.remove(holder);
        self.order.retain(|other| other != holder);
    }
}

impl FairQueue {
    /// So many permits; at most `most_waiting` wait, and of one party or member no more than
    /// [`fair`] allows.
    pub(super) fn new(permits: usize, most_waiting: usize) -> Arc<Self> {
        let parties = Ring::default();
        let state = State { free: permits, next_ticket: 0, waiting: 0, parties };
        Arc::new(Self { most_waiting, state: Mutex::new(state) })
    }

    /// Waits for a permit, for as long as the caller does.
    ///
    /// # Errors
    /// `Overloaded` when too many wait, of all or of `account`.
    pub(super) async fn permit(self: &Arc<Self>, account: Account) -> Result<Permit, Error> {
        let (turn, mut place) = {
            let mut state = self.lock();
            // While a permit is free nothing waits.
            if let Some(left) = state.free.checked_sub(1) {
                state.free = left;
                return Ok(Permit { queue: Arc::clone(self) });
            }
            let (sender, turn) = oneshot::channel();
            let ticket = state.join(self.most_waiting, account, sender)?;
            (turn, Place { queue: self, account, ticket: Some(ticket) })
        };
        let permit = turn.await;
        place.ticket = None;
        // The queue lives as long as its waiters.
        permit.map_err(|_| Error::UNAVAILABLE)
    }

    /// Returns the number of waiters.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Returns the number of free permits.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.lock().free
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn join(
        &mut self,
        most: usize,
        Account { party, member }: Account,
        turn: oneshot::Sender<Permit>,
    ) -> Result<u64, Error> {
        let room = most - self.waiting;
        let held = self.parties.lines.get(&party);
        let of_party = held.map_or(0, |party| party.waiting);
        let of_member = held.and_then(|party| party.lines.get(&member)).map_or(0, VecDeque::len);
        // A member's share comes out of its party's rest.
        if !fair(of_party, room) || !fair(of_member, room - of_party) {
            return Err(Error::OVERLOADED);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting += 1;
        let party = self.parties.line(party);
        party.waiting += 1;
        party.line(member).push_back(Waiting { ticket, turn });
        Ok(ticket)
    }

    /// Takes out whose turn it is.
    fn next(&mut self) -> Option<Waiting> {
        let party = self.parties.order.pop_front()?;
        self.parties.order.push_back(party);
        let members = self.parties.lines.get_mut(&party)?;
        let member = members.order.pop_front()?;
        members.order.push_back(member);
        let next = members.lines.get_mut(&member)?.pop_front();
        self.left(Account { party, member });
        next
    }

    /// Takes out one that waits no more. It may have had its turn meanwhile.
    fn leave(&mut self, account: Account, ticket: u64) {
        let members = self.parties.lines.get_mut(&account.party);
        let line = members.and_then(|members| members.lines.get_mut(&account.member));
        let Some(line) = line else { return };
        // Tickets of a line go up.
        let Ok(at) = line.binary_search_by_key(&ticket, |waiting| waiting.ticket) else { return };
        line.remove(at);
        self.left(account);
    }

    /// Counts one less, and keeps no empty line.
    fn left(&mut self, Account { party, member }: Account) {
        self.waiting -= 1;
        let Some(members) = self.parties.lines.get_mut(&party) else { return };
        members.waiting -= 1;
        if members.lines.get(&member).is_some_and(VecDeque::is_empty) {
            members.remove(&member);
        }
        if members.lines.is_empty() {
            self.parties.remove(&party);
        }
    }
}

/// A permit. Dropping it gives it to the next who waits.
pub(super) struct Permit {
    queue: Arc<FairQueue>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.queue.lock();
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // The waiter that has just left passes it to the next.
            drop(next.turn.send(Self { queue: Arc::clone(&self.queue) }));
        }
    }
}

/// One that waits, until it is dropped.
struct Place<'a> {
    queue: &'a FairQueue,
    account: Account,
    /// `None` once its turn has come.
    ticket: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.queue.lock().leave(self.account, ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        future::Future,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use proptest::prelude::*;
    use tokio::task::JoinSet;

    use super::*;

    fn account(party: &str, member: &str) -> Account {
        Account { party: Holder::claimed(party), member: Holder::claimed(member) }
    }

    type Waiter<'a> = Pin<Box<dyn Future<Output = Result<Permit, Error>> + Send + 'a>>;

    fn look(waiter: &mut Waiter<'_>) -> Poll<Result<Permit, Error>> {
        waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Begins to wait, and says whether there was room to.
    fn wait(queue: &Arc<FairQueue>, account: Account) -> Option<Waiter<'_>> {
        let mut waiter: Waiter<'_> = Box::pin(queue.permit(account));
        match look(&mut waiter) {
            Poll::Pending => Some(waiter),
            Poll::Ready(Err(Error::OVERLOADED)) => None,
            Poll::Ready(_) => panic!("a permit was free"),
        }
    }

    #[tokio::test]
    async fn parties_take_turns_and_so_do_the_members_of_each() {
        let queue = FairQueue::new(1, 1_000);
        let taken = queue.permit(account("a", "x")).await.expect("it is free");
        let crowd = [("a", "x"), ("a", "x"), ("a", "x"), ("a", "y"), ("b", "z"), ("a", "x")];
        let mut waiters = Vec::new();
        for (party, member) in crowd {
            let waiter = wait(&queue, account(party, member)).expect("room");
            waiters.push(((party, member), waiter));
        }
        drop(taken);
        let mut order = Vec::new();
        while !waiters.is_empty() {
            let mut next = None;
            for (at, (who, waiter)) in waiters.iter_mut().enumerate() {
                if let Poll::Ready(permit) = look(waiter) {
                    next = Some((at, *who, permit));
                    break;
                }
            }
            let (at, who, permit) = next.expect("one has its turn");
            order.push(who);
            drop(waiters.remove(at));
            drop(permit);
        }
        let turns = [("a", "x"), ("b", "z"), ("a", "y"), ("a", "x"), ("a", "x"), ("a", "x")];
        assert_eq!(order, turns);
        assert_eq!((queue.free(), queue.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn a_crowd_leaves_others_room_to_wait() {
        let queue = FairQueue::new(1, 1_024);
        let _taken = queue.permit(account("a", "x")).await.expect("it is free");
        let mut waiters = Vec::new();
        while let Some(waiter) = wait(&queue, account("a", "x")) {
            waiters.push(waiter);
        }
        // A third of all, half of what its party may have.
        assert_eq!(queue.waiting(), 342);
        waiters.push(wait(&queue, account("a", "y")).expect("another member"));
        waiters.push(wait(&queue, account("b", "z")).expect("another party"));
        // A waiter that leaves makes room from any place in the queue.
        drop(waiters.drain(7..15));
        waiters.push(wait(&queue, account("a", "x")).expect("a place that was left"));
        drop(waiters);
        let state = queue.lock();
        assert_eq!((state.waiting, state.parties.lines.len()), (0, 0));
        assert!(state.parties.order.is_empty());
    }

    #[tokio::test]
    async fn a_permit_that_was_given_to_one_who_has_gone_goes_to_the_next() {
        let queue = FairQueue::new(1, 1_000);
        let taken = queue.permit(account("a", "x")).await.expect("it is free");
        let gone = wait(&queue, account("a", "x")).expect("room");
        let mut next = wait(&queue, account("a", "x")).expect("room");
        drop(taken);
        // Its turn has come, and it never looks.
        drop(gone);
        let permit = look(&mut next);
        assert!(matches!(permit, Poll::Ready(Ok(_))));
        drop((permit, next));
        assert_eq!((queue.free(), queue.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn no_more_have_permits_than_there_are_even_if_many_give_up() {
        const PERMITS: usize = 3;
        let queue = FairQueue::new(PERMITS, 10_000);
        let mut calls = JoinSet::new();
        for number in 0..500 {
            let queue = Arc::clone(&queue);
            calls.spawn(async move {
                let account = account(["a", "b", "c"][number % 3], ["x", "y"][number % 2]);
                let mut waiter: Waiter<'_> = Box::pin(queue.permit(account));
                if number % 7 == 0 {
                    // Gives up where none is free, and its permit back where one is.
                    drop(look(&mut waiter));
                    return;
                }
                let permit = waiter.await.expect("room");
                assert!(queue.free() < PERMITS);
                tokio::task::yield_now().await;
                drop(permit);
            });
        }
        calls.join_all().await;
        assert_eq!((queue.free(), queue.waiting()), (PERMITS, 0));
    }

    proptest! {
        /// A party's only waiter has its turn within a round, regardless of the others.
        #[test]
        fn one_alone_waits_for_one_turn_of_each_other_party(
            crowd in proptest::collection::vec(0..5_usize, 0..200),
            before in 0..200_usize,
        ) {
            let mut state =
                State { free: 0, next_ticket: 0, waiting: 0, parties: Ring::default() };
            let join = |state: &mut State, party: &str| {
                state.join(100_000, account(party, "x"), oneshot::channel().0).expect("room")
            };
            let names = ["a", "b", "c", "d", "e"];
            let at = before.min(crowd.len());
            let mut parties = BTreeSet::new();
            for party in &crowd[..at] {
                join(&mut state, names[*party]);
                parties.insert(*party);
            }
            let alone = join(&mut state, "alone");
            for party in &crowd[at..] {
                join(&mut state, names[*party]);
                parties.insert(*party);
            }
            let turns = std::iter::from_fn(|| state.next()).position(|next| next.ticket == alone);
            prop_assert!(turns.is_some_and(|turns| turns <= parties.len()));
        }
    }
}
