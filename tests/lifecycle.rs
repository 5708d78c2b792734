//! The process serves when it is ready, refuses to start on what is not its own, and leaves in order
//! with everything it has acknowledged.

#[expect(dead_code, reason = "the harness is every test file's")]
mod common;

use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::common::{
    caller::client_credentials,
    home::Home,
    load::Load,
    refusal::assert_refused,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

const SERVICES: [&str; 2] = ["", "jeton.v1.TokenService"];

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// An address that nobody listens on.
fn free_address() -> String {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    probe.local_addr().expect("its address").to_string()
}

#[tokio::test]
async fn health_says_serving_only_once_calls_are_answered() {
    let settings = Settings::standard();
    let home = Server::start(&settings).await.stop().await;
    // Nothing can be opened before this lock is gone: the server stands right before being ready.
    let held = File::open(home.data().join("store/db")).expect("the store's file");
    held.lock().expect("the store's lock");
    let address = free_address();
    let mut server = Server::spawn(home, &settings, address.clone());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
    until("to listen", async || endpoint.connect().await.is_ok()).await;

    let shop = server.caller("shop").await;
    let mut watches = Vec::new();
    for service in SERVICES {
        let mut health = HealthClient::new(server.connect().await);
        let mut watch = health.watch(about(service)).await.expect("a watch").into_inner();
        let first = watch.message().await.expect("no error").expect("a first message");
        assert_eq!(first.status(), ServingStatus::NotServing);
        watches.push(watch);
    }
    let refused = shop.issue(client_credentials()).await;
    let status = assert_refused(refused, Code::Unavailable, "TEMPORARILY_UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());

    drop(held);
    for watch in &mut watches {
        let next = within("to serve", watch.message()).await.expect("no error").expect("news");
        assert_eq!(next.status(), ServingStatus::Serving);
    }
    shop.issue(client_credentials()).await.expect("a token");
    server.serving().await;
    server.stop().await;
}

#[tokio::test]
async fn a_health_watch_hears_of_the_stop_and_ends_and_does_not_hold_it_up() {
    let settings = Settings::standard().set("serve", "drain_timeout", "1h");
    let server = Server::start(&settings).await;
    let mut health = HealthClient::new(server.connect().await);
    let mut watches = Vec::new();
    for service in SERVICES {
        let mut watch = health.watch(about(service)).await.expect("a watch").into_inner();
        let first = watch.message().await.expect("no error").expect("a first message");
        assert_eq!(first.status(), ServingStatus::Serving);
        watches.push(watch);
    }
    server.terminate();
    for mut watch in watches {
        let last = within("to hear", watch.message()).await.expect("no error").expect("news");
        assert_eq!(last.status(), ServingStatus::NotServing);
        // Over with or without an error, but over.
        while let Ok(Some(more)) = within("to end", watch.message()).await {
            assert_ne!(more.status(), ServingStatus::Serving);
        }
    }
    server.ended().await;
}

#[tokio::test]
async fn calls_are_answered_for_the_drain_delay_after_health_says_not_serving() {
    let settings = Settings::standard().set("serve", "drain_delay", "1s");
    let server = Server::start(&settings).await;
    let shop = server.caller("shop").await;
    let mut health = HealthClient::new(server.connect().await);
    server.terminate();
    until("to hear of the stop", async || {
        let answer = health.clone().check(about("")).await.expect("still answered").into_inner();
        answer.status() == ServingStatus::NotServing
    })
    .await;
    let answer = health.check(about("")).await.expect("still answered");
    assert_eq!(answer.metadata().get("jeton-not-serving").expect("a reason"), "draining");
    shop.issue(client_credentials()).await.expect("it is still answered");
    drop(health.check(about("")).await);
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_exits_0_and_everything_acknowledged_is_there() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let load = Load::on(&server).await;
    let home = within("to stop", server.stop()).await;
    load.find_everything(home, &settings, Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_that_was_acknowledged() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let load = Load::on(&server).await;
    let home = server.kill().await;
    load.find_everything(home, &settings, Vec::new()).await;
}

#[tokio::test]
async fn a_second_server_on_the_data_directory_is_told_so_and_the_first_goes_on() {
    let settings = Settings::standard();
    let server = Server::start(&settings).await;
    let log = Server::fail_to_start(server.home(), &settings).await;
    assert!(log.contains("in use by another process"), "{log}");
    server.caller("shop").await.log_in().await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_does_not_start_with_a_key_ring_that_is_not_its_stores() {
    let settings = Settings::standard();
    let home = Server::start(&settings).await.stop().await;
    let ours = home.path().join("ours");
    fs::rename(home.keys(), &ours).expect("set aside");
    let log = Server::fail_to_start(&home, &settings).await;
    assert!(log.contains("wrong keys.path"), "without a ring: {log}");
    assert!(!home.keys().exists(), "no new ring is made for an old store");

    let other = Server::start(&settings).await.stop().await;
    fs::rename(other.keys(), home.keys()).expect("another's ring");
    let log = Server::fail_to_start(&home, &settings).await;
    assert!(log.contains("wrong keys.path"), "with another's ring: {log}");

    fs::remove_dir_all(home.keys()).expect("another's ring is gone");
    fs::rename(ours, home.keys()).expect("put back");
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn a_server_does_not_start_with_keys_that_others_can_read() {
    let settings = Settings::standard();
    let home = Server::start(&settings).await.stop().await;
    let open_to = |mode| {
        for entry in fs::read_dir(home.keys()).expect("the key ring") {
            let path = entry.expect("an entry").path();
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
        }
    };
    open_to(0o640);
    let log = Server::fail_to_start(&home, &settings).await;
    assert!(log.contains("must not be readable by group or others"), "{log}");
    open_to(0o600);
    Server::start_at(home, &settings).await.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let settings = Settings::standard();
    let home = Home::new();
    let mut server = Server::spawn(home, &settings, address.clone());
    let log = server.failed().await;
    assert!(log.contains(&address) && log.contains("in use"), "{log}");
}

#[tokio::test]
async fn a_stop_while_starting_is_a_stop() {
    let settings = Settings::standard();
    let home = Server::start(&settings).await.stop().await;
    let held = File::open(home.data().join("store/db")).expect("the store's file");
    held.lock().expect("the store's lock");
    let address = free_address();
    let server = Server::spawn(home, &settings, address.clone());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URL");
    until("to listen", async || endpoint.connect().await.is_ok()).await;
    server.terminate();
    let stopped = tokio::time::timeout(Duration::from_secs(30), server.ended()).await;
    assert!(stopped.is_ok());
    drop(held);
}
