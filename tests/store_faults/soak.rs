//! Many steps under random faults, against the rules: no acknowledged fact is lost, and no refresh
//! token ever has two successors.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use jeton::{
    domain::error::Error,
    store::{
        ReadError, WriteError,
        faulty::{ReadFault, WriteFault},
    },
};

use super::{
    dice::Dice,
    world::{Pair, World, is_failure},
};

const STEPS: u64 = 5_000;
const MAX_GRANTS: usize = 24;

/// Answers to the holder of a grant.
#[derive(Debug)]
struct Held {
    pairs: Vec<Pair>,
    /// A refresh of the newest pair was asked and not answered: there may be a newer one.
    refreshing: bool,
    /// Ending the grant was asked: it may have happened, even if nothing was answered.
    ending: bool,
    /// Its end was acknowledged.
    ended: bool,
}

/// Cases that happened, so that a run that missed one does not pass.
#[derive(Debug, Default)]
struct Seen {
    failed: u64,
    issued: u64,
    issued_again: u64,
    rotated: u64,
    caught_up: u64,
    repeated: u64,
    replayed: u64,
    revoked: u64,
    active: u64,
    inactive: u64,
}

struct Soak {
    seed: u64,
    step: u64,
    dice: Dice,
    world: World,
    faults: Arc<AtomicUsize>,
    grants: Vec<Held>,
    successors: BTreeMap<String, Pair>,
    seen: Seen,
}

#[expect(clippy::disallowed_methods, reason = "how a person hands a test its seed")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn under_random_faults_nothing_acknowledged_is_lost_and_no_token_has_two_successors() {
    let steps = number("JETON_SOAK_STEPS").unwrap_or(STEPS);
    let seed = number("JETON_SOAK_SEED").unwrap_or_else(Dice::fresh_seed);
    println!("JETON_SOAK_SEED={seed} JETON_SOAK_STEPS={steps}");
    let mut soak = Soak::new(seed).await;
    for step in 0..steps {
        soak.step = step;
        soak.step().await;
    }
    soak.settle().await;
    let happened = &soak.seen;
    println!("{happened:?}");
    let least = [
        happened.failed,
        happened.issued,
        happened.issued_again,
        happened.rotated,
        happened.caught_up,
        happened.repeated,
        happened.replayed,
        happened.revoked,
        happened.active,
        happened.inactive,
    ];
    assert!(
        steps < STEPS || least.into_iter().all(|count| count > 0),
        "never got to it: {happened:?}"
    );
}

fn read_fault(dice: &mut Dice) -> Option<ReadFault> {
    match dice.below(100) {
        0..10 => Some(ReadFault::Fails(ReadError::Unavailable)),
        10..13 => Some(ReadFault::Fails(ReadError::Corrupt)),
        _ => None,
    }
}

fn write_fault(dice: &mut Dice) -> Option<WriteFault> {
    match dice.below(100) {
        0..10 => Some(WriteFault::Fails(WriteError::Unavailable)),
        10..15 => Some(WriteFault::Fails(WriteError::Busy)),
        15..25 => Some(WriteFault::Fails(WriteError::Unknown)),
        25..35 => Some(WriteFault::Fails(WriteError::Conflict)),
        35..55 => Some(WriteFault::Acknowledgement),
        _ => None,
    }
}

impl Soak {
    async fn new(seed: u64) -> Self {
        let world = World::new(!seed).await;
        let faults = Arc::new(AtomicUsize::new(0));
        let (mut reads, mut writes) = (Dice::new(seed ^ 1), Dice::new(seed ^ 2));
        let (of_reads, of_writes) = (Arc::clone(&faults), Arc::clone(&faults));
        world.store.plan_reads(move || {
            let fault = read_fault(&mut reads);
            of_reads.fetch_add(usize::from(fault.is_some()), Ordering::SeqCst);
            fault
        });
        world.store.plan_writes(move || {
            let fault = write_fault(&mut writes);
            of_writes.fetch_add(usize::from(fault.is_some()), Ordering::SeqCst);
            fault
        });
        Self {
            seed,
            step: 0,
            dice: Dice::new(seed),
            world,
            faults,
            grants: Vec::new(),
            successors: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Returns the place at which a failure can be found again.
    fn here(&self) -> String {
        format!("JETON_SOAK_SEED={} at step {}", self.seed, self.step)
    }

    async fn step(&mut self) {
        let before = self.faults.load(Ordering::SeqCst);
        let at = self.dice.below(self.grants.len());
        let failure = match self.dice.below(100) {
            _ if self.grants.is_empty() => self.issue().await,
            0..10 => self.issue().await,
            10..45 => self.refresh(at).await,
            45..60 => self.retry(at).await,
            60..63 => self.replay(at).await,
            63..68 => self.revoke(at).await,
            _ => self.introspect(at).await,
        };
        if let Some(error) = failure {
            self.seen.failed += 1;
            let faults = self.faults.load(Ordering::SeqCst) - before;
            assert!(is_failure(&error) && faults > 0, "{}: {error}, {faults} faults", self.here());
        }
    }

    async fn issue(&mut self) -> Option<Error> {
        if self.grants.len() == MAX_GRANTS {
            let forgotten = self.dice.below(MAX_GRANTS);
            self.grants.swap_remove(forgotten);
        }
        let request_id = format!("request-{}", self.step);
        let before = self.world.grants().await.len();
        let mut failure = None;
        for attempt in 0..4 {
            match self.world.issue(Some(&request_id)).await {
                Err(error) => failure = Some(error),
                Ok(pair) => {
                    let made = self.world.grants().await.len() - before;
                    assert_eq!(made, 1, "{}: one request, one grant", self.here());
                    let (refreshing, ending, ended) = (false, false, false);
                    self.grants.push(Held { pairs: vec![pair], refreshing, ending, ended });
                    self.seen.issued += 1;
                    self.seen.issued_again += u64::from(attempt > 0);
                    return None;
                }
            }
        }
        failure
    }

    /// Notes a successor, which must be the only one.
    fn note(&mut self, parent: &str, pair: &Pair) {
        let known = self.successors.insert(parent.into(), pair.clone());
        assert!(known.is_none_or(|known| known == *pair), "{}: two successors", self.here());
    }

    /// Presents the newest refresh token.
    async fn refresh(&mut self, at: usize) -> Option<Error> {
        let newest = self.newest(at);
        match self.world.refresh(&newest.refresh).await {
            Ok(pair) => {
                self.note(&newest.refresh, &pair);
                let held = &self.grants[at];
                assert!(!held.ended, "{}: a grant came back to life", self.here());
                self.seen.rotated += 1;
                self.seen.caught_up += u64::from(held.refreshing);
                let held = &mut self.grants[at];
                held.refreshing = false;
                held.pairs.push(pair);
                None
            }
            Err(Error::InvalidGrant(_)) => {
                assert!(self.grants[at].ending, "{}: the newest token is lost", self.here());
                None
            }
            Err(error) => {
                self.grants[at].refreshing = true;
                Some(error)
            }
        }
    }

    /// Presents the refresh token before the newest, which is a retry as long as the newest is
    /// unused.
    async fn retry(&mut self, at: usize) -> Option<Error> {
        let held = &self.grants[at];
        if held.refreshing || held.pairs.len() < 2 {
            return None;
        }
        let parent = held.pairs[held.pairs.len() - 2].refresh.clone();
        match self.world.refresh(&parent).await {
            Ok(pair) => {
                self.note(&parent, &pair);
                assert!(!self.grants[at].ended, "{}: a grant came back to life", self.here());
                self.seen.repeated += 1;
                None
            }
            Err(Error::InvalidGrant(_)) => {
                assert!(self.grants[at].ending, "{}: a retry was refused", self.here());
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Presents a refresh token that was used up two generations ago: the grant ends.
    async fn replay(&mut self, at: usize) -> Option<Error> {
        let held = &mut self.grants[at];
        if held.pairs.len() < 3 {
            return None;
        }
        held.ending = true;
        let old = held.pairs[held.pairs.len() - 3].refresh.clone();
        let outcome = match self.world.refresh(&old).await {
            Err(Error::InvalidGrant(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(pair) => panic!("{}: an old token gave {pair:?}", self.here()),
        };
        self.seen.replayed += u64::from(outcome.is_ok());
        self.note_end(at, outcome)
    }

    fn note_end(&mut self, at: usize, outcome: Result<(), Error>) -> Option<Error> {
        self.grants[at].ended |= outcome.is_ok();
        outcome.err()
    }

    async fn revoke(&mut self, at: usize) -> Option<Error> {
        self.grants[at].ending = true;
        let newest = self.newest(at);
        let outcome = self.world.revoke(&newest.access).await;
        self.seen.revoked += u64::from(outcome.is_ok());
        self.note_end(at, outcome)
    }

    async fn introspect(&mut self, at: usize) -> Option<Error> {
        let newest = self.newest(at);
        match self.world.is_active(&newest.access).await {
            Ok(true) => {
                assert!(!self.grants[at].ended, "{}: an end was lost", self.here());
                self.seen.active += 1;
                None
            }
            Ok(false) => {
                assert!(self.grants[at].ending, "{}: a pair was lost", self.here());
                self.seen.inactive += 1;
                None
            }
            Err(error) => Some(error),
        }
    }

    fn newest(&self, at: usize) -> Pair {
        self.grants[at].pairs.last().expect("every grant has a pair").clone()
    }

    /// Once nothing fails any more, everything is as it was acknowledged.
    async fn settle(&mut self) {
        self.world.store.mend();
        for at in 0..self.grants.len() {
            assert!(self.introspect(at).await.is_none(), "{}", self.here());
            assert!(self.refresh(at).await.is_none(), "{}", self.here());
            if !self.grants[at].ending {
                assert!(self.retry(at).await.is_none(), "{}", self.here());
            }
        }
    }
}
