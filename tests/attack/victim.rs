//! A process that is attacked while a client that behaves calls it.

use std::{fs, time::Duration};

use tokio::{runtime::Runtime, task::spawn_blocking, time::Instant};
use tonic::transport::Channel;

use crate::{
    common::{
        agent::Agent, caller::Caller, command::is_named, ops::Ops, server::Server, wait::until,
    },
    honest::Honest,
    messages,
    peers::Attack,
    served::{Listener, served},
};

/// Memory that the process may take under any attack. The program that `JETON_BINARY` names is an optimised one.
const MOST_MEMORY_KIB: u64 = 96 << 10;
/// A build without optimisation begins with about twice as much as the other, and each call takes several
/// times as much: what it may take more than it begins with.
const MORE_MEMORY_KIB: u64 = 160 << 10;

/// Lines that an attack may bring into the log: messages about it are rationed.
const MORE_LINES: usize = 1_000;

/// Calls of others that make a p99.
pub(crate) const ENOUGH_CALLS: usize = 1_000;
/// Calls of others that show that they are answered, where no figures are taken.
const SOME_CALLS: usize = 100;
/// Maximum time for which an attack is repeated until there are as many.
const LONG_ENOUGH: Duration = Duration::from_secs(8);
/// Longest time of one attack: after it the server holds peers for longer than its limits say.
const LONGEST: Duration = Duration::from_secs(120);

/// The process.
#[derive(Clone, Copy)]
pub(crate) enum Victim<'a> {
    Server(&'a Server),
    Agent(&'a Agent),
}

impl Victim<'_> {
    fn pid(self) -> u32 {
        match self {
            Self::Server(server) => server.pid(),
            Self::Agent(agent) => agent.pid(),
        }
    }

    fn log(self) -> String {
        match self {
            Self::Server(server) => server.log(),
            Self::Agent(agent) => agent.log(),
        }
    }

    /// From where on it is a build without optimisation that begins with so much.
    const fn unoptimised_kib(self) -> u64 {
        match self {
            Self::Server(_) => 48 << 10,
            Self::Agent(_) => 32 << 10,
        }
    }

    async fn ops(self) -> Ops {
        match self {
            Self::Server(server) => server.ops().await,
            Self::Agent(agent) => agent.ops(),
        }
    }

    async fn connect(self) -> Channel {
        match self {
            Self::Server(server) => server.connect().await,
            Self::Agent(agent) => agent.connect().await,
        }
    }

    /// Somebody who has no connection yet is answered.
    async fn serves_newcomers(self, token: &str) {
        until("to serve a newcomer", async || {
            let newcomer = Caller::new(self.connect().await, "shop");
            // One that comes while there is no room is closed, and comes again.
            newcomer.try_introspect(token).await.is_ok_and(|answer| answer.active)
        })
        .await;
    }

    /// Plays every attack that is asked for against everything that it serves. Meanwhile the token is
    /// asked about, which is good: every call is answered, and the process keeps its memory and its log
    /// within bounds.
    pub(crate) async fn withstands(self, attacker: &messages::Caller) {
        let client = Caller::new(self.connect().await, "shop");
        let token = &attacker.token;
        let before = peak_kib(self.pid());
        let optimised = is_named() || before < self.unoptimised_kib();
        let most = if optimised { MOST_MEMORY_KIB } else { before + MORE_MEMORY_KIB };
        let enough = if is_named() { ENOUGH_CALLS } else { SOME_CALLS };
        let mut faults = Vec::new();
        let listeners = served(&self.log(), self.connect().await).await;
        let calm = Honest::start(&client, token);
        until("to be answered", async || {
            assert!(client.is_active(token).await);
            calm.answered() > enough
        })
        .await;
        println!("| attack | counted | calls of others | p50 | p99 | longest | peak memory |");
        println!("| none | | {} | {} MiB |", calm.stop().await, peak_kib(self.pid()) >> 10);
        for attack in Attack::asked() {
            let honest = Honest::start(&client, token);
            forget_peak(self.pid());
            let lines = self.log().lines().count();
            let began = Instant::now();
            let mut counted = play(attack, &listeners, attacker).await;
            let mut rounds = 1;
            while honest.answered() < enough && began.elapsed() < LONG_ENOUGH {
                counted = play(attack, &listeners, attacker).await;
                rounds += 1;
            }
            assert!(began.elapsed() < LONGEST, "{attack:?}: {:?}", began.elapsed());
            let (times, memory) = (honest.stop().await, peak_kib(self.pid()));
            println!("| {attack:?} | {counted}, {rounds} times | {times} | {} MiB |", memory >> 10);
            if memory > most {
                faults.push(format!("{attack:?}: {memory} KiB of {most}"));
            }
            let lines = self.log().lines().count() - lines;
            if lines > MORE_LINES && !attack.is_audited() {
                faults.push(format!("{attack:?}: {lines} lines in the log"));
            }
            self.serves_newcomers(token).await;
            assert_eq!(self.ops().await.get("/livez").await.0, 200, "{attack:?}");
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// Plays an attack to its end, on threads of its own: thousands of peers would hold up the client that
/// behaves, and not the process.
async fn play(attack: Attack, listeners: &[Listener], attacker: &messages::Caller) -> String {
    let (listeners, attacker) = (listeners.to_owned(), attacker.clone());
    let playing = spawn_blocking(move || {
        let runtime = Runtime::new().expect("threads");
        runtime.block_on(attack.run(&listeners, &attacker))
    });
    playing.await.expect("it comes to its end")
}

/// The most memory that a process had since its peak was last forgotten, in KiB.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// From now on the peak is what the process has from now on (proc(5), `clear_refs`).
fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
}
