//! Attacks from outside, each bounded in count and time: meanwhile a well-behaved client is answered,
//! and the server's memory stays bounded.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod frames;
mod honest;
mod peers;

use std::{fs, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    common::{caller::client_credentials, server::Server, settings::Settings, wait::until},
    honest::Honest,
    peers::Attack,
};

/// What the server may take more than it did before anybody attacked it.
const MORE_MEMORY_KIB: u64 = 256 << 10;

/// Memory of a process that is not swapped out, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("a number")
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
    let settings = Settings::standard().set("limits", "preface_timeout", "2s");
    let settings = settings.set("limits", "header_timeout", "2s");
    let settings = settings.set("limits", "keepalive_interval", "1s");
    let server = Server::start(&settings.set("limits", "keepalive_timeout", "1s")).await;
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let before = resident_kib(server.pid());
    let calm = Honest::start(&shop, &token);
    until("to be answered", async || {
        assert!(shop.is_active(&token).await);
        calm.answered() > 200
    })
    .await;
    println!("attack | counted | calls of others | p50 | p99 | longest | server's memory");
    println!("none | | {} | {} KiB", calm.stop().await, resident_kib(server.pid()));
    for attack in Attack::ALL {
        let honest = Honest::start(&shop, &token);
        let began = Instant::now();
        let counted = attack.run(&server).await;
        assert!(began.elapsed() < Duration::from_secs(60), "{attack:?}: {:?}", began.elapsed());
        let memory = resident_kib(server.pid());
        println!("{attack:?} | {counted} | {} | {memory} KiB", honest.stop().await);
        assert!(memory < before + MORE_MEMORY_KIB, "{attack:?}: from {before} to {memory} KiB");
        serves_newcomers(&server).await;
    }
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
    for _ in 0..1_000 {
        // The kernel takes those that the server does not accept, as far as it has room.
        let connecting = TcpStream::connect(server.address());
        match tokio::time::timeout(Duration::from_millis(100), connecting).await {
            Ok(Ok(stream)) => held.push(stream),
            Ok(Err(_)) | Err(_) => break,
        }
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

#[tokio::test]
async fn a_process_that_may_open_few_files_keeps_some_from_its_peers() {
    many_descriptors();
    let server = Server::start_limited(&Settings::standard(), 256).await;
    let log = server.log();
    assert!(log.contains("fewer connections than limits.connections"), "{log}");
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(TcpStream::connect(server.address()).await.expect("a connection"));
    }
    until("to close some", async || server.log().contains("there are too many")).await;
    assert!(!server.log().contains("connections cannot be accepted"), "{}", server.log());
    drop(held);
    serves_newcomers(&server).await;
    server.stop().await;
}
