//! Bounds what is kept in memory for peers: calls until they are over, requests until they are answered,
//! answers until they are taken, and what a connection takes while it waits for its peer. When that is too
//! much, connections are cut off for which much has lain for long.

mod account;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

pub(super) use self::account::{Account, Kept, WAIT};

/// With more than half of the limit kept, connections are cut off that have more than a step, and whose peer
/// has let something lie for so long: half a request, or an answer. With more than three quarters of it,
/// those that have less, too.
const PATIENCE: Duration = Duration::from_secs(1);
/// With more than three quarters of it, connections are cut off that have more than a step and for
/// which anything has lain for so long, a stream too. A request that the server has yet to answer
/// is no reason: no more of it is read meanwhile.
const HASTE: Duration = Duration::from_millis(200);
/// Interval between two searches of the connections while less than all of the limit is kept, or
/// nothing was found.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Memory kept for the peers of one or more listeners together.
#[derive(Debug)]
pub struct Pending {
    most: usize,
    kept: AtomicUsize,
    /// The part of `kept` for connections that are cut off, and not yet gone.
    going: AtomicUsize,
    next: AtomicU64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug)]
struct Accounts {
    open: HashMap<u64, Arc<Account>>,
    looked: Instant,
    /// True if the last look has cut off any.
    found: bool,
}

/// Share of the limit that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// At most a quarter: what a connection counts may count for a little longer than it lasts.
    Low,
    /// At most half: everything counts for no longer than it lasts.
    Middling,
    /// More than half.
    High,
    /// More than three quarters: nothing is read from who has much, or has not begun.
    Higher,
    /// More than there may be: nothing is read from who would only now begin to count.
    Full,
}

impl Pending {
    /// Nothing yet, and never more than `most` bytes.
    pub fn limited(most: usize) -> Arc<Self> {
        let accounts = Accounts { open: HashMap::new(), looked: Instant::now(), found: true };
        Arc::new(Self {
            most,
            kept: AtomicUsize::new(0),
            going: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            accounts: Mutex::new(accounts),
        })
    }

    /// Opens the account of a connection, until the guard is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Opened {
        let account = Arc::new(Account::opened(self));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.accounts().open.insert(id, Arc::clone(&account));
        Opened { id, account }
    }

    /// Cuts off the connection that was the longest ago opened or called on. False without any.
    pub(super) fn cut_the_quietest(&self) -> bool {
        let accounts = self.accounts();
        let called =
            accounts.open.values().filter_map(|account| Some((account.called()?, account)));
        let quietest = called.min_by_key(|(called, _)| *called);
        quietest.is_some_and(|(_, account)| {
            account.cut_off();
            true
        })
    }

    /// Returns the share that is kept, including connections that are about to go.
    fn level(&self) -> Level {
        self.level_of(self.kept.load(Ordering::Relaxed))
    }

    const fn level_of(&self, bytes: usize) -> Level {
        let quarter = self.most / 4;
        if bytes <= quarter {
            Level::Low
        } else if bytes <= 2 * quarter {
            Level::Middling
        } else if bytes <= 3 * quarter {
            Level::High
        } else if bytes <= self.most {
            Level::Higher
        } else {
            Level::Full
        }
    }

    /// Cuts connections off until half of the limit stays, as far as there are any that may be.
    fn relieve(&self) {
        let mut accounts = self.accounts();
        let now = Instant::now();
        let level = self.staying();
        let waits = level < Level::Full || !accounts.found;
        if level < Level::High || (waits && now - accounts.looked < BETWEEN_LOOKS) {
            return;
        }
        accounts.looked = now;
        let burdens =
            accounts.open.values().filter_map(|account| Some((account.burden(now)?, account)));
        let mut burdens: Vec<_> = burdens.collect();
        burdens.sort_unstable_by_key(|(burden, _)| Reverse(burden.weight()));
        let mut found = false;
        for (burden, account) in burdens {
            // A connection with little goes last, and only if there is hardly any room: a server
            // that is short of time may be late to write the answers of clients that behave.
            let may_be_cut = match self.staying() {
                Level::Low | Level::Middling => break,
                Level::High if level == Level::High => {
                    burden.is_much() && burden.waits_for_its_peer_for(PATIENCE)
                }
                Level::High => burden.is_much() && burden.lies_for(HASTE),
                Level::Higher => {
                    burden.is_much() && burden.lies_for(HASTE)
                        || burden.waits_for_its_peer_for(PATIENCE)
                }
                Level::Full => burden.is_much() || burden.waits_for_its_peer_for(PATIENCE),
            };
            if may_be_cut {
                account.cut_off();
                found = true;
            }
        }
        accounts.found = found;
    }

    /// Returns the share that stays once all connections that are cut off are gone.
    fn staying(&self) -> Level {
        let going = self.going.load(Ordering::Relaxed);
        self.level_of(self.kept.load(Ordering::Relaxed).saturating_sub(going))
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account, until it is dropped.
pub(super) struct Opened {
    id: u64,
    account: Arc<Account>,
}

impl Opened {
    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.account.pending().accounts().open.remove(&self.id);
        // Lots that are still held elsewhere are about to be dropped.
        self.account.cut_off();
    }
}
