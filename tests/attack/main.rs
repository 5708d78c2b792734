//! Attacks from outside on everything that is served, each bounded in count and time: meanwhile a
//! well-behaved client is answered, and the server's memory stays bounded.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod crowds;
mod frames;
mod honest;
mod messages;
mod peers;
mod plain;
mod served;

use std::{fs, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::{net::TcpStream, runtime::Runtime, task::spawn_blocking, time::Instant};

use crate::{
    common::{
        admin::Admin,
        caller::client_credentials,
        server::Server,
        settings::{Settings, Table},
        wait::until,
    },
    honest::Honest,
    messages::Caller,
    peers::Attack,
    served::{Listener, served},
};

/// What the server may take, whatever is done to it.
const MOST_MEMORY_KIB: u64 = 96 << 10;
/// A build without optimisation begins with about twice as much as the other, and each call takes several
/// times as much: from where on a server is one, and what it may take more than it begins with.
const UNOPTIMISED_KIB: u64 = 48 << 10;
const MORE_MEMORY_KIB: u64 = 160 << 10;

/// Lines that an attack may bring into the log: what tells of it is rationed.
const MORE_LINES: usize = 1_000;

/// Calls of others that make a p99, and how long an attack is repeated at most until there are as many.
const ENOUGH_CALLS: usize = 1_000;
const LONG_ENOUGH: Duration = Duration::from_secs(8);

/// Plays an attack to its end, on threads of its own: thousands of peers would hold up the client that
/// behaves, and not the server.
async fn play(attack: Attack, listeners: &[Listener], attacker: &Caller) -> String {
    let (listeners, attacker) = (listeners.to_owned(), attacker.clone());
    let playing = spawn_blocking(move || {
        let runtime = Runtime::new().expect("threads");
        runtime.block_on(attack.run(&listeners, &attacker))
    });
    playing.await.expect("it comes to its end")
}

/// The most memory that a process had since its peak was last forgotten, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// From now on the peak is what the process has from now on (proc(5), `clear_refs`).
fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
}

/// As many descriptors as the system gives: one for each peer that is played.
fn many_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("descriptors");
}

async fn serves_newcomers(server: &Server) {
    until("to serve a newcomer", async || {
        server.caller("shop").await.issue(client_credentials()).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_well_behaved_client_is_answered_whatever_others_do() {
    many_descriptors();
    let root = Table::confidential("root").toml("permissions", r#"["admin"]"#);
    let settings = Settings::standard().and(root.text("introspect", "any")).set(
        "passwords",
        "max_wait",
        "750ms",
    );
    let settings = settings.set("limits", "preface_timeout", "2s");
    let settings = settings.set("limits", "request_timeout", "5s");
    let settings = settings.set("limits", "write_timeout", "10s");
    let settings = settings.set("limits", "body_timeout", "2s");
    let settings = settings.set("limits", "header_timeout", "2s");
    let settings = settings.set("limits", "keepalive_interval", "1s");
    let settings = settings.set("limits", "keepalive_timeout", "10s");
    let settings = settings.set("check", "listen", "127.0.0.1:0");
    let server = Server::start(&settings.set("check", "client", "root")).await;
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let before = peak_kib(server.pid());
    let most = if before < UNOPTIMISED_KIB { MOST_MEMORY_KIB } else { before + MORE_MEMORY_KIB };
    let mut faults = Vec::new();
    let listeners = served(&server).await;
    let signed = Admin::of(&server).await.signed(());
    let authorization = signed.metadata().get("authorization").expect("credentials");
    let authorization = authorization.to_str().expect("text").to_owned();
    let attacker = Caller { authorization, token: token.clone() };
    let calm = Honest::start(&shop, &token);
    until("to be answered", async || {
        assert!(shop.is_active(&token).await);
        calm.answered() > ENOUGH_CALLS
    })
    .await;
    println!("| attack | counted | calls of others | p50 | p99 | longest | peak memory |");
    println!("| none | | {} | {} MiB |", calm.stop().await, peak_kib(server.pid()) >> 10);
    for attack in Attack::asked() {
        let honest = Honest::start(&shop, &token);
        forget_peak(server.pid());
        let lines = server.log().lines().count();
        let began = Instant::now();
        let mut counted = play(attack, &listeners, &attacker).await;
        let mut rounds = 1;
        while honest.answered() < ENOUGH_CALLS && began.elapsed() < LONG_ENOUGH {
            counted = play(attack, &listeners, &attacker).await;
            rounds += 1;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{attack:?}: {:?}", began.elapsed());
        let (times, memory) = (honest.stop().await, peak_kib(server.pid()));
        println!("| {attack:?} | {counted}, {rounds} times | {times} | {} MiB |", memory >> 10);
        if memory > most {
            faults.push(format!("{attack:?}: {memory} KiB of {most}"));
        }
        let lines = server.log().lines().count() - lines;
        if lines > MORE_LINES && !attack.is_audited() {
            faults.push(format!("{attack:?}: {lines} lines in the log"));
        }
        serves_newcomers(&server).await;
        assert_eq!(server.ops().await.get("/livez").await.0, 200, "{attack:?}");
    }
    assert!(faults.is_empty(), "{faults:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_descriptors_waits_and_recovers() {
    many_descriptors();
    let server = Server::start(&Settings::standard()).await;
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a process id"));
    let few = Rlimit { current: Some(256), maximum: Some(256) };
    prlimit(pid, Resource::Nofile, few).expect("fewer descriptors");

    let honest = Honest::start(&shop, &token);
    let began = Instant::now();
    let mut held = Vec::new();
    // The kernel has room for those that the server does not accept.
    for _ in 0..400 {
        held.push(TcpStream::connect(server.address()).await.expect("a connection"));
    }
    let waits = || server.log().matches("connections cannot be accepted").count();
    until("to be out of descriptors", async || {
        assert!(shop.is_active(&token).await, "who is connected is served");
        waits() >= 5
    })
    .await;
    // A tenth of a second each: a loop that spins would have said it thousands of times.
    let most = began.elapsed().as_millis() / 100 + 2;
    assert!(u128::try_from(waits()).is_ok_and(|waits| waits <= most), "{} of {most}", waits());
    println!("{} connections, {} waits in {:?}", held.len(), waits(), began.elapsed());
    drop(held);
    println!("out of descriptors: {}", honest.stop().await);
    serves_newcomers(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_may_open_few_files_keeps_some_from_its_peers() {
    many_descriptors();
    let server = Server::start_limited(&Settings::standard(), 256).await;
    let log = server.log();
    assert!(log.contains("fewer connections than limits.connections"), "{log}");
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let honest = Honest::start(&shop, &token);
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(TcpStream::connect(server.address()).await.expect("a connection"));
    }
    until("to close some", async || {
        assert!(shop.is_active(&token).await, "who is connected is served");
        server.log().contains("there are too many") && honest.answered() > ENOUGH_CALLS
    })
    .await;
    assert!(!server.log().contains("connections cannot be accepted"), "{}", server.log());
    let (times, memory) = (honest.stop().await, peak_kib(server.pid()));
    println!("| 300 connections, ulimit -n 256 | | {times} | {} MiB |", memory >> 10);
    drop(held);
    serves_newcomers(&server).await;
    server.stop().await;
}
