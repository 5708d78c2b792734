//! SIGTERM with everything open that can be: clean and in time; a second signal does not wait.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::time::Duration;

use jeton::proto::v1::{WatchRevocationsRequest, WatchRevocationsResponse};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use crate::common::{
    caller::{by_password, client_credentials},
    home::Home,
    load::Load,
    server::Server,
    service_manager::ServiceManager,
    settings::Settings,
    wait::{until, within},
};

/// HTTP/2's preface, empty SETTINGS, and the headers of a call that has no end: POST, http, the path
/// of `Introspect`, `application/grpc`.
fn stuck_call() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, 34];
    block.extend(b"/jeton.v1.TokenService/Introspect/");
    block.truncate(4 + 33);
    block[3] = 33;
    block.extend([0x01, 1, b'a', 0x0f, 0x10, 16]);
    block.extend(b"application/grpc");
    let length = u8::try_from(block.len()).expect("a short block");
    let greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    [greeting, vec![0, 0, length, 1, 4, 0, 0, 0, 1], block].concat()
}

/// Opens a connection that says `words` and then nothing more.
async fn silent(address: &str, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(words).await.expect("words");
    stream
}

/// Watches of health, one of a service that nobody knows.
async fn health_watches(server: &Server) -> Vec<Streaming<HealthCheckResponse>> {
    let mut health = HealthClient::new(server.connect().await);
    let mut watches = Vec::new();
    for service in ["", "jeton.v1.TokenService", "nobody.v1.Knows"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = health.watch(request).await.expect("a watch").into_inner();
        watch.message().await.expect("no error").expect("a first message");
        watches.push(watch);
    }
    watches
}

/// Watches of revocations, which have said that they are under way.
async fn revocation_watches(server: &Server) -> Vec<Streaming<WatchRevocationsResponse>> {
    let mut watches = Vec::new();
    for id in ["shop", "gateway"] {
        let caller = server.caller(id).await;
        let request = caller.signed(WatchRevocationsRequest::default());
        let watch = caller.stub.clone().watch_revocations(request).await;
        let mut watch = watch.expect("a watch").into_inner();
        watch.message().await.expect("no error").expect("a first response");
        watches.push(watch);
    }
    watches
}

/// Reads on until a watch says how it ends.
async fn end(mut watch: Streaming<WatchRevocationsResponse>) -> Code {
    let reading = async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => break Code::Ok,
                Err(status) => break status.code(),
            }
        }
    };
    within("to end", reading).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_with_everything_open_that_can_be_loses_nothing_and_ends_in_time() {
    for runtime in ["shared", "per-core"] {
        drain_everything(runtime).await;
    }
}

/// hyper's word for a call that GOAWAY has overtaken: the client has not sent it.
fn was_not_sent(refused: &Status) -> bool {
    refused.code() == Code::Cancelled && refused.message() == "operation was canceled"
}

async fn drain_everything(runtime: &str) {
    // A hash takes long enough for the signal to come between.
    let settings = Settings::standard().set("passwords", "memory", "24MiB").hash_threads(1);
    let settings = settings.set("serve", "drain_timeout", "3s").set("serve", "runtime", runtime);
    let server = Server::start(&settings).await;
    let ops = server.ops().await;
    let of_health = health_watches(&server).await;
    let of_revocations = revocation_watches(&server).await;
    let nothing_said = silent(server.address(), b"").await;
    let half_said = silent(server.address(), b"PRI * HTT").await;
    let stuck = silent(server.address(), &stuck_call()).await;
    let http = silent(&server.http(), b"POST /oauth/token HTTP/1.1\r\n").await;
    let idle = server.caller("shop").await;
    idle.issue(client_credentials()).await.expect("a connection that is in use");
    let load = Load::on(&server).await;

    let mut logins = JoinSet::new();
    for _ in 0..3 {
        let shop = server.caller("shop").await;
        logins.spawn(async move { shop.issue(by_password("alice")).await });
    }
    until("the logins to be under way", async || {
        ops.metrics().await.count("jeton_hash_queue_depth") > 0
    })
    .await;
    let began = Instant::now();
    server.terminate();
    let mut granted = Vec::new();
    for login in logins.join_all().await {
        granted.push(login.expect("what was under way is answered").access_token);
    }
    for watch in of_revocations {
        assert_eq!(end(watch).await, Code::Unavailable);
    }
    // A call that comes now is refused without effect, so that its client goes elsewhere.
    let url = server.url();
    until("nobody to be let in", async || {
        let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).expect("a URL");
        endpoint.connect().await.is_err()
    })
    .await;
    let refused = within("to be refused", async {
        loop {
            match idle.issue(client_credentials()).await {
                // The call with which its connection gets GOAWAY is answered.
                Ok(issued) => granted.push(issued.access_token),
                Err(refused) if was_not_sent(&refused) => {}
                Err(refused) => return refused,
            }
        }
    })
    .await;
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let (home, log) = server.ended().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert!(log.contains("they outlived the drain timeout"), "the stuck call: {log}");
    drop((nothing_said, half_said, stuck, http, of_health));

    let (acknowledged, refusals) = load.find_everything(home, &settings, granted).await;
    for refused in refusals {
        let code = refused.code();
        assert!(was_not_sent(&refused) || code == Code::Unavailable, "{refused:?}");
    }
    println!("{acknowledged} writes acknowledged, all there; the process ended after {took:?}");
}

#[tokio::test]
async fn silent_peers_hold_up_nothing() {
    let settings = Settings::standard().set("serve", "drain_timeout", "1h");
    let server = Server::start(&settings).await;
    let mut silent_ones = Vec::new();
    for (address, words) in [
        (server.address().to_owned(), &b""[..]),
        (server.address().to_owned(), b"PRI * HTT"),
        (server.http(), b""),
    ] {
        silent_ones.push(silent(&address, words).await);
    }
    let shop = server.caller("shop").await;
    shop.issue(client_credentials()).await.expect("a token");
    let began = Instant::now();
    server.terminate();
    server.ended().await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    for mut stream in silent_ones {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once_and_what_was_acknowledged_is_there() {
    let settings = Settings::standard().set("serve", "drain_timeout", "1h");
    let mut server = Server::start(&settings).await;
    let token = server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    let _stuck = silent(server.address(), &stuck_call()).await;
    until("the call to be under way", async || {
        // One more connection is served after it.
        server.caller("shop").await.issue(client_credentials()).await.is_ok()
    })
    .await;
    server.terminate();
    until("to drain", async || server.log().contains("\"stopping\"")).await;
    server.signal("INT");
    let log = within("to end", server.failed()).await;
    assert!(log.contains("SIGINT came again"), "{log}");
    let server = server.restart(&settings).await;
    assert!(server.caller("shop").await.is_active(&token.access_token).await);
    server.stop().await;
}

#[tokio::test]
async fn the_service_manager_is_told_of_start_reload_and_stop() {
    let home = Home::new();
    let manager = ServiceManager::listen(home.path());
    let server = manager.start(home, &Settings::standard()).await;
    server.signal("HUP");
    manager.hears(&server, &["RELOADING=1\nMONOTONIC_USEC=", "READY=1\n"]).await;
    server.logs("every other setting needs a restart").await;
    server.stop().await;
    assert_eq!(manager.told(), ["STOPPING=1\n"]);
}

#[tokio::test]
async fn a_service_manager_under_an_abstract_name_hears_of_the_start_and_of_life() {
    let home = Home::new();
    let name = format!("jeton-{}", home.path().display());
    let manager = ServiceManager::listen_abstract(&name);
    let watched = [("WATCHDOG_USEC", "100000")];
    let server = manager.start_with(home, &Settings::standard(), &watched).await;
    let ops = server.ops().await;
    until("to say that it lives", async || {
        // Paces the asking.
        ops.get("/livez").await;
        manager.told().len() > 5
    })
    .await;
    let told = manager.told();
    assert_eq!(told[0], "READY=1\n");
    assert!(told[1..].iter().all(|told| told == "WATCHDOG=1\n"), "{told:?}");
    server.stop().await;
    assert_eq!(manager.told().last().map(String::as_str), Some("STOPPING=1\n"));
}

#[test]
fn the_unit_is_started_again_for_as_long_as_its_database_is_away_and_is_watched() {
    let unit = include_str!("../deploy/systemd/jeton.service");
    let (head, service) = unit.split_once("[Service]").expect("two sections");
    assert!(head.lines().any(|line| line == "StartLimitIntervalSec=0"), "in [Unit], and no limit");
    for line in ["Restart=on-failure", "WatchdogSec=30s"] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
}
