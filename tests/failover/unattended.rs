//! Nobody is awake: each fault is answered by the formation and the instances alone.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::time::Instant;

use crate::{
    common::wait::rounds,
    contest::{Contest, Fleet},
    facts::Facts,
    fault::{FAULTS, Fault},
    formation::{Formation, longest_pause},
    instances::{Make, beside_nodes},
    load::Load,
    memory::Memory,
    pauses::Pauses,
};

/// Everything that lasts from one fault to the next.
struct Scene {
    formation: Formation,
    fleet: Arc<Fleet>,
    pauses: Arc<Pauses>,
    facts: Vec<Facts>,
    dice: Rng,
    histories: usize,
    operations: usize,
}

impl Scene {
    /// Has one fault happen under load, and insists that everything acknowledged holds after it.
    async fn suffer(&mut self, fault: Fault) {
        let known = std::mem::take(&mut self.facts);
        let load = Load::start(known, &self.fleet, &self.pauses, &mut self.dice);
        let contest = Contest::start(&self.fleet, histories(), &mut self.dice).await;
        self.pauses.begin();
        let mending = fault.strike(&self.formation, &self.fleet, &self.pauses).await;
        let longest = self.pauses.longest();
        self.formation.do_to(&mending.node, mending.verb);
        self.formation.settle();
        self.facts = load.stop().await;
        let explained = contest.explained(&self.fleet).await;
        let (histories, operations) =
            explained.unwrap_or_else(|history| panic!("{fault:?}: {history}"));
        self.histories += histories;
        self.operations += operations;
        self.hold().await;
        self.report(fault, longest);
    }

    async fn hold(&mut self) {
        for at in 0..self.fleet.len() {
            let caller = self.fleet.caller(at);
            for facts in &mut self.facts {
                facts.hold_at(&caller).await;
            }
        }
    }

    fn report(&self, fault: Fault, longest: Duration) {
        let (mut live, mut ended, mut looked, mut unanswered) = (0, 0, 0, 0);
        let mut contradictions = Vec::new();
        for facts in &self.facts {
            let (lives, has_ended) = facts.count();
            (live, ended) = (live + lives, ended + has_ended);
            (looked, unanswered) = (looked + facts.looked, unanswered + facts.unanswered);
            contradictions.extend(&facts.contradictions);
        }
        println!(
            "{fault:?}: no write for {longest:.1?} at most; so far {} writes, {live} live and {ended} ended \
             grants, {looked} looks, {unanswered} calls without an answer, {} contradictions, {} histories of \
             {} operations explained",
            self.pauses.writes(),
            contradictions.len(),
            self.histories,
            self.operations,
        );
        assert!(contradictions.is_empty(), "{contradictions:#?}");
        assert!(
            longest <= longest_pause(),
            "{longest:?} without a write: {}",
            self.formation.states()
        );
    }
}

/// Returns the number of histories for each fault: `JETON_TEST_HISTORIES`, or eight.
fn histories() -> usize {
    #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
    let asked = std::env::var("JETON_TEST_HISTORIES");
    asked.map_or(8, |histories| histories.parse().expect("a number"))
}

/// Returns for how long rounds go on at least: `JETON_TEST_SOAK_SECONDS`, or none.
fn soak() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
    let asked = std::env::var("JETON_TEST_SOAK_SECONDS");
    Duration::from_secs(asked.map_or(0, |seconds| seconds.parse().expect("a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs pg_auto_failover and namespaces: tests/failover.sh"]
async fn each_fault_is_over_in_time_and_takes_nothing_acknowledged_with_it() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let formation = Formation::start();
    let makes = Make::asked();
    let instances = beside_nodes(&formation, &makes).await;
    let fleet = Arc::new(Fleet::of(&instances).await);
    let mut scene = Scene {
        formation,
        fleet,
        pauses: Arc::new(Pauses::new()),
        facts: Vec::new(),
        dice: Rng::with_seed(seed),
        histories: 0,
        operations: 0,
    };
    let (mut memory, began, mut round) = (Memory::default(), Instant::now(), 0);
    memory.look(&instances);
    while round < rounds() || began.elapsed() < soak() {
        round += 1;
        for fault in FAULTS {
            scene.suffer(fault).await;
        }
        memory.look(&instances);
    }
    memory.insist_flat();
    for instance in instances {
        instance.stop().await;
    }
}
