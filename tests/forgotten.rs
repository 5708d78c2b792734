//! Failed logins that are forgotten, and used assertions that have expired, are freed step by step; those that
//! still count are kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use jeton::{
    app::{SystemClock, SystemEntropy},
    domain::{
        attempts::{Attempts, AttemptsId, UnderWay},
        hash_cost::HashCost,
        key_ring::{KEY_BYTES, KeyRing, ServerKey},
        lockout::LockoutPolicy,
        policy::Policies,
        time::{Clock, Timestamp},
        used_assertion::{AssertionId, UsedAssertion},
    },
    service::{HashPool, SWEEP_STEP, Service},
    store::{Records as _, Store as _, Stored, Write, memory::MemoryStore},
};

/// The system's clock in a process that is an hour older at each look.
struct Hourly(AtomicU32);

impl Clock for Hourly {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn age(&self) -> Duration {
        self.0.fetch_add(1, Ordering::Relaxed) * Duration::from_secs(60 * 60)
    }
}

fn service_over(store: &MemoryStore) -> Service<MemoryStore> {
    let cost = HashCost { memory_kib: 8, iterations: 1, parallelism: 1 };
    let hashes = HashPool::start(1, cost, Arc::new(SystemEntropy)).expect("a pool");
    let keys = KeyRing::new(ServerKey::new(&[7; KEY_BYTES]), []);
    let (clock, entropy) = (Arc::new(Hourly(0.into())), Arc::new(SystemEntropy));
    Service::new(store.clone(), keys, hashes, clock, entropy, Policies::default())
}

#[tokio::test]
async fn the_sweeper_goes_round_and_frees_what_is_forgotten_a_step_at_a_time() {
    let store = MemoryStore::new();
    let policy = LockoutPolicy::default();
    let now = SystemClock.now();
    let (kept, forgotten) = (now, now.before(policy.forget_after));
    let count = 2 * SWEEP_STEP + 10;
    for number in 0..count {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let last_failure = if number % 3 == 0 { kept } else { forgotten };
        let id = AttemptsId::from_bytes(id);
        let under_way = UnderWay::default();
        let attempts = Attempts { id, failures: 5, last_failure, under_way, of: None };
        store.attempts().write(Write::Insert(attempts)).await.expect("a record");
    }
    let service = service_over(&store);

    // At first the service does not know for how long the clock has been right.
    assert_eq!(service.upkeep.sweep_attempts().await, Ok(0));
    let mut freed = Vec::new();
    for _ in 0..3 {
        freed.push(service.upkeep.sweep_attempts().await.expect("a step"));
    }
    assert!(freed.iter().all(|freed| (1..=SWEEP_STEP).contains(freed)), "{freed:?}");
    let left: Vec<Stored<Attempts>> = store.attempts().page(None, count).await.expect("the rest");
    assert_eq!(left.len(), count - freed.iter().sum::<usize>());
    assert!(left.iter().all(|attempts| attempts.last_failure == kept));
    assert_eq!(left.len(), count.div_ceil(3));
    // Round again: nothing is left to free.
    assert_eq!(service.upkeep.sweep_attempts().await, Ok(0));
}

#[tokio::test]
async fn used_assertions_are_freed_when_they_have_expired_and_not_before() {
    let store = MemoryStore::new();
    let now = SystemClock.now();
    let (live, expired) = (now.after(Duration::from_secs(60)), now.before(Duration::from_secs(1)));
    let count = SWEEP_STEP + 10;
    for number in 0..count {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let expire_time = if number % 3 == 0 { live } else { expired };
        let used = UsedAssertion { id: AssertionId::from_bytes(id), expire_time };
        store.assertions().write(Write::Insert(used)).await.expect("a record");
    }
    let service = service_over(&store);

    assert_eq!(service.upkeep.sweep_assertions().await, Ok(0), "the clock may be wrong");
    for _ in 0..2 {
        assert!(service.upkeep.sweep_assertions().await.expect("a step") > 0);
    }
    let left: Vec<Stored<UsedAssertion>> =
        store.assertions().page(None, count).await.expect("the rest");
    assert_eq!(left.len(), count.div_ceil(3));
    assert!(left.iter().all(|used| used.expire_time == live));
    assert_eq!(service.upkeep.sweep_assertions().await, Ok(0));
}
