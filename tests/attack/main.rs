//! Attacks from outside on everything that is served, each bounded in count and time: meanwhile a
//! well-behaved client is answered, and the server's memory stays bounded.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the harness is every test file's")]
mod common;
mod crowds;
mod floods;
mod frames;
mod honest;
mod messages;
mod peers;
mod plain;
mod served;
mod victim;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    common::{
        admin::Admin,
        agent::Agent,
        caller::client_credentials,
        server::Server,
        settings::{Settings, Table},
        wait::until,
    },
    honest::Honest,
    messages::Caller,
    victim::{ENOUGH_CALLS, Victim, peak_kib},
};

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

/// Settings with an administrator of this name.
fn administered() -> Settings {
    let root = Table::confidential("root").toml("permissions", r#"["admin"]"#);
    Settings::standard().and(root.text("introspect", "any")).set("passwords", "max_wait", "750ms")
}

/// An administrator's credentials, and a token that is good.
async fn attacker(server: &Server) -> Caller {
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let signed = Admin::of(server).await.signed(());
    let authorization = signed.metadata().get("authorization").expect("credentials");
    Caller { authorization: authorization.to_str().expect("text").to_owned(), token }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_well_behaved_client_is_answered_whatever_others_do() {
    many_descriptors();
    let settings = administered().set("limits", "preface_timeout", "2s");
    let settings = settings.set("limits", "request_timeout", "5s");
    let settings = settings.set("limits", "write_timeout", "10s");
    let settings = settings.set("limits", "body_timeout", "2s");
    let settings = settings.set("limits", "header_timeout", "2s");
    let settings = settings.set("limits", "keepalive_interval", "1s");
    let settings = settings.set("limits", "keepalive_timeout", "10s");
    let settings = settings.set("check", "listen", "127.0.0.1:0");
    let server = Server::start(&settings.set("check", "client", "root")).await;
    Victim::Server(&server).withstands(&attacker(&server).await).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_answers_its_services_whatever_others_do() {
    many_descriptors();
    let server = Server::start(&administered()).await;
    let anywhere = "127.0.0.1:0";
    let flags = ["--listen", anywhere, "--check-listen", anywhere, "--max-staleness", "30s"];
    let agent = Agent::start_on(&server.url(), "root", &flags).await;
    until("to hear the server", async || agent.ops().get("/readyz").await.0 == 200).await;
    Victim::Agent(&agent).withstands(&attacker(&server).await).await;
    agent.stop().await;
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
