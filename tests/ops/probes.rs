//! The ops listener: it answers from before the store is open until the process ends, says why the
//! process is not ready, and is not held up by silent peers.

use std::{fs::File, net::TcpListener};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::common::{
    caller::client_credentials,
    home::Home,
    ops::Ops,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

/// Returns the health of the server as a whole, over the ops listener.
async fn health(ops: &Ops) -> ServingStatus {
    let endpoint = Endpoint::from_shared(format!("http://{}", ops.address)).expect("a URL");
    let channel = within("to connect", endpoint.connect()).await.expect("a connection");
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.expect("an answer").into_inner().status()
}

#[tokio::test]
async fn it_says_starting_then_ready_then_draining_and_is_alive_all_the_time() {
    let settings = Settings::standard().set("serve", "drain_delay", "1s");
    let home = Server::start(&settings).await.stop().await;
    // Nothing can be opened before this lock is gone.
    let held = File::open(home.data().join("store/db")).expect("the store's file");
    held.lock().expect("the store's lock");
    let mut server = Server::spawn(home, &settings, "127.0.0.1:0".to_owned());
    let ops = server.ops().await;
    assert_eq!(ops.get("/readyz").await, (503, "starting\n".to_owned()));
    assert_eq!(ops.get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(health(&ops).await, ServingStatus::NotServing);
    assert!(ops.metrics().await.text.contains("jeton_build_info"), "metrics before the store");

    drop(held);
    server.serving().await;
    assert_eq!(ops.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(health(&ops).await, ServingStatus::Serving);

    server.terminate();
    until("to drain", async || ops.get("/readyz").await == (503, "draining\n".to_owned())).await;
    assert_eq!(ops.get("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(health(&ops).await, ServingStatus::NotServing);
    server.ended().await;
}

#[tokio::test]
async fn an_address_in_use_is_named_and_off_listens_nowhere() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let home = Home::new();
    let environment = [("JETON_OPS_LISTEN", address.as_str())];
    let said = Server::fail_to_start_with(&home, &Settings::standard(), &environment).await;
    assert!(said.contains(&format!("ops on {address}: ")), "{said}");

    let environment = [("JETON_OPS_LISTEN", "off")];
    let server = Server::start_with(home, &Settings::standard(), &environment).await;
    server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    assert!(!server.log().contains("answering probes"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn nothing_else_is_there() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    for path in ["/index.html", "/oauth/token", "/livez/", "/jeton.v1.TokenService/IssueToken"] {
        assert_eq!(ops.get(path).await.0, 404, "{path}");
    }
    server.stop().await;
}

/// Reads until the server closes the connection.
async fn closed(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is reset is closed too.
    drop(within("to be closed", stream.read_to_end(&mut bytes)).await);
    bytes
}

#[tokio::test]
async fn connections_that_ask_nothing_are_closed_and_do_not_add_up() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let mut silent = Vec::new();
    for beginning in ["", "PRI * HTTP/2.0\r\n", "GET /livez HTTP/1.1\r\nhost: a\r\n"] {
        let mut stream = TcpStream::connect(&ops.address).await.expect("a connection");
        stream.write_all(beginning.as_bytes()).await.expect("a beginning");
        silent.push(tokio::spawn(closed(stream)));
    }
    // Beyond its limit the server closes connections at once, those of others go on.
    let mut many = Vec::new();
    for _ in 0..200 {
        many.push(TcpStream::connect(&ops.address).await.expect("a connection"));
    }
    drop(many);
    until("to answer again", async || {
        let Ok(mut stream) = TcpStream::connect(&ops.address).await else { return false };
        let asked = stream.write_all(b"GET /livez HTTP/1.0\r\n\r\n").await;
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        asked.is_ok() && read.is_ok() && answer.ends_with("alive\n")
    })
    .await;
    for closed in silent {
        let said = String::from_utf8(closed.await.expect("it was closed")).expect("UTF-8");
        assert!(!said.contains("alive"), "{said}");
    }
    let (status, _) = ops.get("/livez").await;
    assert_eq!(status, 200);
    server.stop().await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let mut stream = TcpStream::connect(&ops.address).await.expect("a connection");
    let bomb = format!("GET /livez HTTP/1.1\r\na: {}\r\n\r\n", "a".repeat(64 << 10));
    // It may close before all is written.
    drop(stream.write_all(bomb.as_bytes()).await);
    let said = String::from_utf8_lossy(&closed(stream).await).into_owned();
    assert!(!said.contains("200 OK"), "{said}");
    server.stop().await;
}
