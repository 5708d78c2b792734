//! Instances whose machines' clocks differ lose no login, and say by how much they differ.
//!
//! Their clocks are libfaketime's, in the real binary; tests/postgres.sh says where it lies.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use jeton::proto::v1::GetStatusRequest;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    answers::MAX_STALENESS,
    common::{
        admin::{Admin, with_admin},
        caller::Caller,
        home::Home,
        server::Server,
        settings::Settings,
        wait::{rounds, until},
    },
    contested::Contested,
    database::Database,
    fleet::beside,
    history::{Answered, Asked, explain},
};

/// By how many milliseconds clocks differ.
const SKEWS: [i64; 5] = [2, 5, 10, 500, 5_000];
/// Logins that are refreshed at the same time.
const LOGINS: usize = 20;
/// Refreshes of each login for each four rounds: a hundred of all logins.
const REFRESHES: usize = 5;
const DAY: i64 = 86_400_000;

/// Starts an instance whose clock is ahead by so many milliseconds, or behind. Elapsed time is that
/// of its machine: only the time of day is another.
pub(crate) async fn start_ahead(
    database: &Database,
    home: Home,
    settings: &Settings,
    millis: i64,
) -> Server {
    let sign = if millis < 0 { '-' } else { '+' };
    let offset = format!("{sign}{}.{:03}", millis.abs() / 1_000, millis.abs() % 1_000);
    start_with(database, home, settings, &[("FAKETIME", &offset)]).await
}

async fn start_with(
    database: &Database,
    home: Home,
    settings: &Settings,
    clock: &[(&str, &str)],
) -> Server {
    let library = variable("JETON_TEST_FAKETIME");
    let mut environment = vec![
        ("JETON_STORE_URL", database.url()),
        ("LD_PRELOAD", &library),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
    ];
    environment.extend_from_slice(clock);
    Server::start_with(home, settings, &environment).await
}

#[expect(clippy::disallowed_methods, reason = "the script's way to say where the library is")]
fn variable(name: &str) -> String {
    std::env::var(name).expect("tests/postgres.sh says where libfaketime is")
}

/// Results of the refreshes of one login.
#[derive(Default)]
struct Outcome {
    lost: usize,
    operations: usize,
    unexplained: Option<String>,
}

/// A client that loses answers, asks again at any instance, and sometimes at two at once.
async fn refresh_on(
    login: Contested,
    callers: Arc<Vec<Caller>>,
    mut dice: Rng,
    refreshes: usize,
) -> Outcome {
    let mut lost = 0;
    for _ in 0..refreshes {
        let (generation, tokens) = login.pair(0);
        let asked = Asked::Refresh(generation);
        for _ in 0..dice.usize(0..3) {
            let caller = &callers[dice.usize(..callers.len())];
            let began = login.began.elapsed();
            let patience = Duration::from_micros(dice.u64(0..6_000));
            // The call is given up, or its answer is not listened to.
            let gave_up =
                dice.bool() && timeout(patience, caller.refresh(&tokens.1)).await.is_err();
            if gave_up {
                login.note(asked, Answered::Nothing, began);
            } else {
                lost += usize::from(login.ask(caller, asked, &tokens).await == Answered::Refused);
            }
        }
        let mut places: Vec<_> = (0..callers.len()).collect();
        dice.shuffle(&mut places);
        places.truncate(dice.usize(1..=2));
        let one = login.ask(&callers[places[0]], asked, &tokens);
        let answers = match places.get(1) {
            None => [one.await, Answered::Nothing],
            Some(at) => tokio::join!(one, login.ask(&callers[*at], asked, &tokens)).into(),
        };
        lost += answers.iter().filter(|answer| **answer == Answered::Refused).count();
        while login.pair(0).0 == generation && lost == 0 {
            login.ask(&callers[0], asked, &tokens).await;
        }
        let (generation, tokens) = login.pair(0);
        login.ask(&callers[places[0]], Asked::Introspect(generation), &tokens).await;
    }
    let history = login.history.lock().expect("no panic").clone();
    let unexplained = explain(&history, MAX_STALENESS).err();
    Outcome { lost, operations: history.len(), unexplained }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and libfaketime: tests/postgres.sh"]
async fn refreshes_with_lost_answers_lose_no_login_however_the_clocks_differ() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let refreshes = (REFRESHES * rounds()).div_ceil(4);
    for skew in SKEWS {
        for offsets in [&[0, -skew][..], &[0, -skew, skew]] {
            let database = Database::shared("skewed");
            let mut instances = vec![start_ahead(&database, Home::new(), &with_admin(), 0).await];
            for offset in &offsets[1..] {
                let home = beside(&instances[0]);
                instances.push(start_ahead(&database, home, &with_admin(), *offset).await);
            }
            let mut callers = Vec::new();
            for instance in &instances {
                callers.push(instance.caller("shop").await);
            }
            let callers = Arc::new(callers);
            let mut logins = JoinSet::new();
            for _ in 0..LOGINS {
                let login = Contested::issue(&callers[0], Instant::now()).await;
                logins.spawn(refresh_on(login, Arc::clone(&callers), dice.fork(), refreshes));
            }
            let outcomes = logins.join_all().await;
            let lost: usize = outcomes.iter().map(|outcome| outcome.lost).sum();
            let operations: usize = outcomes.iter().map(|outcome| outcome.operations).sum();
            let unexplained = outcomes.iter().find_map(|outcome| outcome.unexplained.as_ref());
            println!(
                "{} instances, {skew} ms: {} refreshes, {operations} operations, {lost} refused",
                offsets.len(),
                LOGINS * refreshes,
            );
            assert_eq!((lost, unexplained), (0, None), "{skew} ms, seed {seed}");
            for instance in instances {
                instance.stop().await;
            }
        }
    }
}

/// Returns `jeton_clock_skew_seconds`, in milliseconds.
async fn skew_of(instance: &Server) -> i64 {
    let metrics = instance.ops().await.metrics().await;
    let line = metrics.text.lines().find_map(|line| line.strip_prefix("jeton_clock_skew_seconds "));
    let seconds: f64 = line.and_then(|number| number.parse().ok()).expect("a number");
    #[expect(clippy::cast_possible_truncation, reason = "a few days")]
    let millis = (seconds * 1e3).round() as i64;
    millis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and libfaketime: tests/postgres.sh"]
async fn an_instance_whose_clock_is_set_by_a_hundred_days_goes_on_as_before_and_says_so() {
    let database = Database::shared("set");
    let first = start_ahead(&database, Home::new(), &with_admin(), 0).await;
    let home = beside(&first);
    let file = home.path().join("clock");
    let set = |days: i64| std::fs::write(&file, format!("{days:+}d\n")).expect("a file");
    set(0);
    let file = file.to_str().expect("a path").to_owned();
    let clock = [("FAKETIME_TIMESTAMP_FILE", &*file), ("FAKETIME_NO_CACHE", "1")];
    let second = start_with(&database, home, &with_admin(), &clock).await;
    let (one, other) = (first.caller("shop").await, second.caller("shop").await);
    let ended = other.log_in().await;
    one.revoke(&ended.refresh_token).await.expect("revoked");
    let mut newest = one.log_in().await.refresh_token;
    for days in [100, -100, 0] {
        set(days);
        until("the clock to be set", async || (skew_of(&second).await - days * DAY).abs() < 1_000)
            .await;
        for _ in 0..3 {
            let lost = one.refresh(&newest).await.expect("a pair");
            let again = other.refresh(&newest).await.expect("the pair again");
            assert_eq!(again.refresh_token, lost.refresh_token);
            assert!((1..=900).contains(&again.expires_in), "{}", again.expires_in);
            assert!(other.is_active(&again.access_token).await);
            let next = other.refresh(&again.refresh_token).await.expect("a pair");
            assert!(one.is_active(&next.access_token).await);
            newest = next.refresh_token;
        }
        assert!(!other.is_active(&ended.access_token).await, "what has ended stays so");
        let admin = Admin::of(&second).await;
        let status = admin.stub.clone().get_status(admin.signed(GetStatusRequest {})).await;
        let status = status.expect("a status").into_inner().store.expect("the store");
        let told = status.clock_skew.expect("the skew").seconds * 1_000;
        assert!((told - days * DAY).abs() < 2_000, "{told} ms of {days} days");
        assert_eq!(second.ops().await.metrics().await.count("jeton_grants_swept_total"), 0);
    }
    for instance in [first, second] {
        instance.stop().await;
    }
}
