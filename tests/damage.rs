//! Damaged files: what was acknowledged is there, or the server says what to do and does not serve.
//!
//! Each round damages a fresh copy of one store and starts the real server on it. `JETON_TEST_ROUNDS`
//! says how many rounds there are, `JETON_TEST_SEED` repeats a run.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::task::JoinSet;
use tonic::Code;

use crate::common::{
    caller::client_credentials,
    home::{Home, copy_tree},
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::rounds,
};

/// Acknowledged state.
#[derive(Default)]
struct Ledger {
    alive: Vec<String>,
    revoked: Vec<String>,
}

impl Ledger {
    /// Issues, refreshes and revokes on several connections.
    async fn add(&mut self, server: &Server, grants: usize) {
        const CALLERS: usize = 16;
        let mut calls = JoinSet::new();
        for _ in 0..CALLERS {
            let shop = server.caller("shop").await;
            calls.spawn(async move {
                let mut ledger = Self::default();
                for number in 0..grants / CALLERS {
                    let issued = shop.issue(client_credentials()).await.expect("a token");
                    if number % 4 == 0 {
                        shop.revoke(&issued.access_token).await.expect("revoked");
                        ledger.revoked.push(issued.access_token);
                    } else {
                        ledger.alive.push(issued.access_token);
                    }
                }
                ledger
            });
        }
        for ledger in calls.join_all().await {
            self.alive.extend(ledger.alive);
            self.revoked.extend(ledger.revoked);
        }
        let shop = server.caller("shop").await;
        for _ in 0..20 {
            let first = shop.log_in().await;
            let second = shop.refresh(&first.refresh_token).await.expect("a pair");
            self.alive.push(second.access_token);
        }
    }

    /// Compares the server's answers with all of it.
    async fn compare(&self, server: &Server) -> Outcome {
        let shop = server.caller("shop").await;
        for (tokens, active) in [(&self.alive, true), (&self.revoked, false)] {
            for tokens in tokens.chunks(1_000) {
                let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
                match shop.introspect_all(&tokens).await {
                    Ok(results) if results.iter().all(|result| result.active == active) => {}
                    Ok(_) => return Outcome::Lost,
                    Err(status) if status.code() == Code::Internal => return Outcome::Said,
                    Err(status) => panic!("{status:?}"),
                }
            }
        }
        Outcome::Intact
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything that was acknowledged is there.
    Intact,
    /// It did not start, and said what to do.
    Refused,
    /// It started, and answered INTERNAL where it could not read.
    Said,
    /// Something is missing or has come back to life.
    Lost,
}

/// Two lives' worth of grants, in several of sled's segments; the last life ends in order or not.
async fn filled(settings: &Settings, in_order: bool) -> (Home, Ledger) {
    let mut ledger = Ledger::default();
    let server = Server::start(settings).await;
    ledger.add(&server, 3_000).await;
    let server = Server::start_at(server.stop().await, settings).await;
    ledger.add(&server, 3_000).await;
    let home = if in_order { server.stop().await } else { server.kill().await };
    (home, ledger)
}

/// `SplitMix64`: chance that a seed replays.
struct Dice(u64);

impl Dice {
    #[expect(
        clippy::disallowed_methods,
        reason = "what a person asks of a test run, or a new seed"
    )]
    fn new() -> Self {
        let seed = std::env::var("JETON_TEST_SEED").map_or_else(
            |_| {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).expect("the system gives randomness");
                u64::from_be_bytes(bytes)
            },
            |seed| seed.parse().expect("JETON_TEST_SEED is a number"),
        );
        println!("JETON_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % bound.max(1)
    }
}

/// Damages one file below `data` and says how.
fn damage(data: &Path, dice: &mut Dice) -> String {
    let store = data.join("store");
    let mut names: Vec<_> = fs::read_dir(&store).expect("a store").flatten().collect();
    names.retain(|entry| entry.path().is_file());
    names.sort_by_key(fs::DirEntry::file_name);
    // Most of all there is `db`.
    let other = names[usize::try_from(dice.below(names.len() as u64)).expect("small")].path();
    let path = if dice.below(4) == 0 { other } else { store.join("db") };
    let bytes = fs::read(&path).expect("a file");
    let length = bytes.len() as u64;
    // End of the data in the file: most of the last segment is empty.
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64 + 1;
    let at = dice.below(written);
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let file = File::options().write(true).open(&path).expect("a file");
    match dice.below(8) {
        0 => {
            file.set_len(at).expect("cut");
            format!("{name} cut from {length} to {at} bytes")
        }
        1 => {
            let zeros = vec![0; usize::try_from(1 + dice.below(64 << 10)).expect("small")];
            let end = length.min(at + zeros.len() as u64);
            let zeros = &zeros[..usize::try_from(end - at).expect("small")];
            file.write_all_at(zeros, at).expect("zeros");
            format!("{name} zeroed from {at} to {end}")
        }
        2 => {
            file.write_all_at(&vec![0; bytes.len()], 0).expect("zeros");
            format!("{name} zeroed")
        }
        3 => {
            fs::remove_file(&path).expect("gone");
            format!("{name} removed")
        }
        _ => {
            let byte = bytes[usize::try_from(at).expect("an offset")] ^ (1 << dice.below(8));
            file.write_all_at(&[byte], at).expect("a byte");
            format!("{name} with another bit at {at}")
        }
    }
}

/// Starts the server on what is left.
async fn outcome(home: Home, settings: &Settings, ledger: &Ledger) -> (Outcome, String) {
    match Server::try_start(home, settings).await {
        Ok(server) => {
            let outcome = ledger.compare(&server).await;
            let log = server.log();
            assert!(!log.contains("panicked"), "{log}");
            server.kill().await;
            (outcome, log)
        }
        Err((_home, log)) => {
            assert!(!log.contains("panicked"), "{log}");
            assert!(
                log.contains("the store is damaged") && log.contains("restore a backup"),
                "{log}"
            );
            (Outcome::Refused, log)
        }
    }
}

fn copy_of(home: &Home) -> Home {
    let copy = Home::new();
    copy_tree(&home.data(), &copy.data());
    copy_tree(&home.keys(), &copy.keys());
    close_to_others(&copy.keys());
    copy
}

fn close_to_others(keys: &Path) {
    for entry in fs::read_dir(keys).expect("the key ring").flatten() {
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(entry.path(), mode).expect("chmod");
    }
}

async fn run(in_order: bool) -> BTreeMap<Outcome, Vec<String>> {
    let settings = Settings::standard();
    let (home, ledger) = filled(&settings, in_order).await;
    let unharmed = outcome(copy_of(&home), &settings, &ledger).await;
    assert_eq!(unharmed.0, Outcome::Intact, "{}", unharmed.1);
    let mut dice = Dice::new();
    let mut outcomes = BTreeMap::<_, Vec<_>>::new();
    for _ in 0..rounds() {
        let copy = copy_of(&home);
        let harm = damage(&copy.data(), &mut dice);
        let (outcome, _) = outcome(copy, &settings, &ledger).await;
        outcomes.entry(outcome).or_default().push(harm);
    }
    for (outcome, harm) in &outcomes {
        println!("{outcome:?}: {}", harm.len());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damage_to_a_store_that_was_closed_in_order_goes_unnoticed() {
    let outcomes = run(true).await;
    assert!(outcomes.keys().eq([&Outcome::Refused]), "{outcomes:#?}");
}

/// The log since the last opening fills no more than the segment that it ends in: see the
/// documentation of the store's seal for what cannot be noticed beyond that.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_nothing_that_was_acknowledged_is_missing_unnoticed() {
    let outcomes = run(false).await;
    assert!(!outcomes.contains_key(&Outcome::Lost), "{outcomes:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_said_at_every_start_and_no_new_store_takes_its_place() {
    let settings = Settings::standard();
    for in_order in [true, false] {
        let mut ledger = Ledger::default();
        let server = Server::start(&settings).await;
        ledger.add(&server, 16).await;
        let mut home = if in_order { server.stop().await } else { server.kill().await };
        let snapshot = fs::read_dir(home.data().join("store")).expect("a store").flatten();
        let snapshot = snapshot.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let snapshot = snapshot.filter(|name| name.starts_with("snap.")).last().expect("one");
        for name in ["store", "store/db", "store/conf", &format!("store/{snapshot}")] {
            let (place, aside) = (home.data().join(name), home.path().join("aside"));
            fs::rename(&place, &aside).expect("set aside");
            for _ in 0..2 {
                let Err((refused, log)) = Server::try_start(home, &settings).await else {
                    panic!("started without {name}");
                };
                home = refused;
                assert!(log.contains("gone") && log.contains("restore a backup"), "{log}");
                assert!(!place.exists(), "{name} was made anew");
            }
            fs::rename(&aside, &place).expect("put back");
        }
        let server = Server::start_at(home, &settings).await;
        assert_eq!(ledger.compare(&server).await, Outcome::Intact);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_bad_under_a_running_server_is_an_internal_error_and_not_an_inactive_token()
 {
    let settings = Settings::standard();
    let environment = [("JETON_CACHE_BYTES", "1MiB")];
    let server = Server::start_with(Home::new(), &settings, &environment).await;
    let mut ledger = Ledger::default();
    ledger.add(&server, 6_000).await;
    let path = server.home().data().join("store/db");
    let length = fs::metadata(&path).expect("a file").len();
    let file = File::options().write(true).open(path).expect("a file");
    let mut dice = Dice::new();
    for _ in 0..2_000 {
        file.write_all_at(b"!", dice.below(length)).expect("a byte");
    }
    let shop = server.caller("shop").await;
    let mut unreadable = 0;
    for token in &ledger.alive {
        match shop.introspect_all(&[token]).await {
            Ok(results) => assert!(results[0].active, "a good token is told to be inactive"),
            Err(status) => {
                assert_refused::<()>(Err(status), Code::Internal, "SERVER_ERROR");
                unreadable += 1;
            }
        }
    }
    assert!(unreadable > 0, "no page was damaged that is not in memory");
    println!("{unreadable} of {} could not be read", ledger.alive.len());
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.kill().await;
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_refused_and_left_as_it_is() {
    let settings = Settings::standard();
    let home = Server::start(&settings).await.kill().await;
    let write_schema = |schema: u8| {
        let store = sled::Config::default().path(home.data().join("store")).segment_size(8 << 20);
        let store = store.open().expect("sled opens");
        let meta = store.open_tree("meta").expect("a tree");
        meta.insert("schema", &[schema]).expect("written").expect("it had one")[0]
    };
    let todays = write_schema(200);
    let log = Server::fail_to_start(&home, &settings).await;
    assert!(log.contains("has format 200") && log.contains("run the newer release"), "{log}");
    assert_eq!(write_schema(todays), 200);
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn nobody_else_can_read_the_data() {
    fn modes(path: &Path, found: &mut Vec<(PathBuf, u32)>) {
        let mode = fs::metadata(path).expect("a path").permissions().mode() & 0o777;
        found.push((path.to_owned(), mode));
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a directory").flatten() {
                modes(&entry.path(), found);
            }
        }
    }
    let settings = Settings::standard();
    let check = |home: &Home| {
        let mut found = Vec::new();
        modes(&home.data(), &mut found);
        for (path, mode) in found {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}: {mode:o}", path.display());
        }
    };
    let server = Server::start(&settings).await;
    check(server.home());
    let server = Server::start_at(server.stop().await, &settings).await;
    server.caller("shop").await.log_in().await;
    check(server.home());
    check(&server.stop().await);
}
