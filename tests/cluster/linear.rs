//! Refreshes and revocations at several instances, with everything dying that can, are one history.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use jeton::{domain::token::Token, proto::v1::RevokeGrantsRequest};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Code, Status};

use crate::{
    common::{
        admin::{Admin, with_admin},
        caller::{Caller, by_password},
        server::Server,
        wait::rounds,
    },
    database::Database,
    fleet::{MAX_STALENESS, answered, introspected, several, start_at},
    history::{Answered, Asked, Operation, explain},
};

/// Grants that are fought over at a time.
const GRANTS: usize = 4;
/// Callers of each.
const CALLERS: usize = 3;
/// Questions that each of them asks, at most: what is not explained by so many is by none.
const OPERATIONS: usize = 30;
/// Longer than a call is waited for: what has no answer by then may happen yet.
const PATIENCE: Duration = Duration::from_secs(8);

/// One grant, what is known of it and what was asked of it.
pub(crate) struct Contested {
    pub(crate) subject: String,
    /// By generation: access and refresh token.
    pairs: Mutex<BTreeMap<u32, (String, String)>>,
    pub(crate) history: Mutex<Vec<Operation>>,
    pub(crate) began: Instant,
}

impl Contested {
    pub(crate) async fn issue(caller: &Caller, began: Instant) -> Self {
        let login = answered("a login", async || caller.issue(by_password("alice")).await);
        let login = login.await;
        let told =
            answered("introspection", async || introspected(caller, &login.access_token).await)
                .await;
        let pairs = BTreeMap::from([(0, (login.access_token, login.refresh_token))]);
        Self { subject: told.subject, pairs: Mutex::new(pairs), history: Mutex::default(), began }
    }

    /// The newest pair that anybody has seen, or one before it.
    pub(crate) fn pair(&self, back: u32) -> (u32, (String, String)) {
        let pairs = self.pairs.lock().expect("no panic");
        let newest = *pairs.keys().next_back().expect("one");
        let generation = newest.saturating_sub(back);
        let found = pairs.range(..=generation).next_back().expect("the first");
        (*found.0, found.1.clone())
    }

    /// Takes note of a pair; insists that no other one is of the same generation.
    fn learn(&self, access: &str, refresh: &str) -> u32 {
        let generation = Token::parse(refresh).expect("a token").generation;
        let pair = (access.to_owned(), refresh.to_owned());
        let mut pairs = self.pairs.lock().expect("no panic");
        let known = pairs.entry(generation).or_insert_with(|| pair.clone());
        assert_eq!(*known, pair, "two successors of generation {generation}");
        generation
    }

    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        asked: Asked,
        tokens: &(String, String),
    ) -> Answered {
        let began = self.began.elapsed();
        let answered = match asked {
            Asked::Refresh(_) => {
                let answer = timeout(PATIENCE, caller.refresh(&tokens.1)).await;
                told(answer, |pair| {
                    Answered::Pair(self.learn(&pair.access_token, &pair.refresh_token))
                })
            }
            Asked::Introspect(_) => {
                let answer = timeout(PATIENCE, introspected(caller, &tokens.0)).await;
                told(answer, |answer| Answered::Active(answer.active))
            }
            Asked::End => {
                let answer = timeout(PATIENCE, caller.revoke(&tokens.1)).await;
                told(answer, |()| Answered::Ended)
            }
        };
        self.note(asked, answered, began);
        answered
    }

    pub(crate) fn note(&self, asked: Asked, answered: Answered, began: Duration) {
        // A question that was not answered has changed nothing.
        if matches!((asked, answered), (Asked::Introspect(_), Answered::Nothing)) {
            return;
        }
        let ended = self.began.elapsed();
        let operation = Operation { asked, answered, began, ended };
        self.history.lock().expect("no panic").push(operation);
    }
}

/// Codes that leave it open whether something was done.
const NOTHING: [Code; 6] = [
    Code::Unavailable,
    Code::Unknown,
    Code::Cancelled,
    Code::DeadlineExceeded,
    Code::Aborted,
    Code::ResourceExhausted,
];

/// Returns the result of a call. A connection that breaks or a store that does not know leaves
/// nothing known.
fn told<T>(
    answer: Result<Result<T, Status>, tokio::time::error::Elapsed>,
    done: impl FnOnce(T) -> Answered,
) -> Answered {
    match answer {
        Ok(Ok(answer)) => done(answer),
        Ok(Err(status)) if status.code() == Code::Unauthenticated => Answered::Refused,
        Ok(Err(status)) => {
            assert!(NOTHING.contains(&status.code()), "{status:?}");
            Answered::Nothing
        }
        Err(_) => Answered::Nothing,
    }
}

/// The instances, and a way to each of them that is there now.
struct Fleet {
    callers: Mutex<Vec<Caller>>,
    admins: Mutex<Vec<Admin>>,
}

impl Fleet {
    async fn of(servers: &[Server]) -> Self {
        let fleet = Self { callers: Mutex::default(), admins: Mutex::default() };
        for server in servers {
            let (caller, admin) = (server.caller("shop").await, Admin::of(server).await);
            fleet.callers.lock().expect("no panic").push(caller);
            fleet.admins.lock().expect("no panic").push(admin);
        }
        fleet
    }

    fn caller(&self, at: usize) -> Caller {
        self.callers.lock().expect("no panic")[at].clone()
    }

    fn len(&self) -> usize {
        self.callers.lock().expect("no panic").len()
    }

    fn any(&self, dice: &mut Rng) -> Caller {
        self.caller(dice.usize(..self.len()))
    }

    fn admin(&self, at: usize) -> Admin {
        self.admins.lock().expect("no panic")[at].clone()
    }

    async fn replace(&self, at: usize, server: &Server) {
        let (caller, admin) = (server.caller("shop").await, Admin::of(server).await);
        self.callers.lock().expect("no panic")[at] = caller;
        self.admins.lock().expect("no panic")[at] = admin;
    }
}

/// Makes one call after the other about one grant until it is stopped.
async fn contest(grant: Arc<Contested>, fleet: Arc<Fleet>, mut dice: Rng, stop: Arc<AtomicBool>) {
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) && asked < OPERATIONS {
        asked += 1;
        let caller = fleet.any(&mut dice);
        let (back, kind) = match dice.usize(..100) {
            0..45 => (0, Kind::Refresh),
            45..60 => (1, Kind::Refresh),
            60..62 => (2, Kind::Refresh),
            62..98 => (0, Kind::Introspect),
            _ => (0, Kind::End),
        };
        let (generation, tokens) = grant.pair(back);
        let operation = match kind {
            Kind::Refresh => Asked::Refresh(generation),
            Kind::Introspect => Asked::Introspect(generation),
            Kind::End => Asked::End,
        };
        if grant.ask(&caller, operation, &tokens).await == Answered::Nothing {
            // Until there is somebody to ask again.
            while introspected(&fleet.any(&mut dice), &tokens.0).await.is_err() {}
        }
    }
}

enum Kind {
    Refresh,
    Introspect,
    End,
}

/// Ends everything of the grants' user by one write.
async fn end_all(fleet: &Fleet, grants: &[Arc<Contested>], at: usize) {
    let request = RevokeGrantsRequest {
        subject: grants[0].subject.clone(),
        ..RevokeGrantsRequest::default()
    };
    let began: Vec<_> = grants.iter().map(|grant| grant.began.elapsed()).collect();
    let answer = timeout(PATIENCE, fleet.admin(at).revoke_grants(request)).await;
    let answer = told(answer, |_| Answered::Ended);
    for (grant, began) in grants.iter().zip(began) {
        grant.note(Asked::End, answer, began);
    }
}

/// The longest that a piece is on its way between an instance and a node of the database.
const DISTANCE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_has_an_order_that_explains_it() {
    explained(Database::alone(), 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_of_two_instances_at_a_distance_has_an_order_that_explains_it() {
    explained(Database::alone().at_a_distance(DISTANCE).await, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/postgres.sh"]
async fn every_history_of_three_instances_at_a_distance_has_an_order_that_explains_it() {
    explained(Database::alone().at_a_distance(DISTANCE).await, 3).await;
}

async fn explained(database: Database, count: usize) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let mut servers = several(&database, count).await;
    let fleet = Arc::new(Fleet::of(&servers).await);
    let rounds = rounds();
    let (mut histories, mut operations) = (0, 0);
    for round in 0..rounds {
        let began = Instant::now();
        let mut grants = Vec::new();
        for number in 0..GRANTS {
            grants
                .push(Arc::new(Contested::issue(&fleet.caller(number % fleet.len()), began).await));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for grant in &grants {
            for _ in 0..CALLERS {
                let (grant, fleet, stop) =
                    (Arc::clone(grant), Arc::clone(&fleet), Arc::clone(&stop));
                callers.spawn(contest(grant, fleet, dice.fork(), stop));
            }
        }
        let last = round + 1 == rounds;
        harm(&database, &mut servers, &fleet, if last { 3 } else { round % 3 }, &mut dice).await;
        if dice.bool() {
            end_all(&fleet, &grants, dice.usize(..servers.len())).await;
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = callers.join_next().await {
            ended.expect("no caller panicked");
        }
        for grant in &grants {
            grant.settle(&fleet).await;
            let history = grant.history.lock().expect("no panic").clone();
            if let Err(unexplained) = explain(&history, MAX_STALENESS) {
                panic!("round {round}, seed {seed}: {unexplained}");
            }
            histories += 1;
            operations += history.len();
        }
    }
    println!("{rounds} rounds: {histories} histories of {operations} operations are explained");
}

impl Contested {
    /// Asks every instance what became of it, and takes no answer for none.
    async fn settle(&self, fleet: &Fleet) {
        let (generation, tokens) = self.pair(0);
        for at in 0..fleet.len() {
            let caller = fleet.caller(at);
            for asked in [Asked::Introspect(generation), Asked::Refresh(generation)] {
                while self.ask(&caller, asked, &tokens).await == Answered::Nothing {}
            }
        }
    }
}

/// One of the things that happen.
async fn harm(
    database: &Database,
    servers: &mut Vec<Server>,
    fleet: &Fleet,
    kind: usize,
    dice: &mut Rng,
) {
    match kind {
        0 => {
            let at = dice.usize(..servers.len());
            let home = servers.remove(at).kill().await;
            let back = start_at(database, home, &with_admin()).await;
            fleet.replace(at, &back).await;
            servers.insert(at, back);
        }
        1 => {
            for _ in 0..5 {
                let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE application_name = 'jeton'";
                database.run(cut);
            }
        }
        2 => {
            database.signal("primary", "STOP");
            // For the time of a few calls that no instance can answer.
            let caller = fleet.any(dice);
            while caller.issue(by_password("bob")).await.is_ok() {}
            database.signal("primary", "CONT");
        }
        _ => {
            database.signal("primary", "KILL");
            database.promote();
        }
    }
}
