//! The server on a real socket: keep-alive, limits, timeouts, shutdown.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use jeton::{
    app::SystemEntropy,
    config::LimitSettings,
    http::{HttpMetrics, HttpServer},
    telemetry::RequestIds,
    transport::{Carriage, Protocol, Stage, Transport},
};
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::harness::{Server, options};

/// Far longer than any timeout of the server's.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Live {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<Stage>,
    serving: JoinHandle<()>,
}

impl Live {
    pub(crate) async fn start() -> Self {
        let server = Server::start().await;
        let http = HttpServer::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a listener");
        let address = http.local_address().expect("an address");
        let (stop, stage) = watch::channel(Stage::Serving);
        // A connection that asks nothing is kept as long as one that waits for its next request.
        let http_keepalive = Duration::from_secs(10);
        let limits = LimitSettings { http_keepalive, ..LimitSettings::default() };
        let transport = Transport::new(Carriage::plain(Protocol::Http1, limits, stage));
        let serving = tokio::spawn(async move {
            let ids = RequestIds::new(&SystemEntropy);
            let ready = server.ready.clone();
            let outcome = http.serve(ready, options(), HttpMetrics::new(), ids, transport).await;
            outcome.expect("a clean end");
        });
        Self { address, stop, serving }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(Stage::Draining).expect("a server");
        self.serving.await.expect("a clean end");
    }

    /// Sends bytes and reads until the server closes the connection.
    pub(crate) async fn exchange(&self, bytes: Vec<u8>) -> String {
        let address = self.address;
        spawn_blocking(move || {
            let mut stream = connect(address);
            // The server may close before everything is sent.
            drop(stream.write_all(&bytes));
            rest(&mut stream)
        })
        .await
        .expect("an exchange")
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end like any other; waiting in vain is not.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

const LOGIN: &str = "grant_type=password&client_id=test_client_id&client_secret=test_client_secret\
                     &username=test_api_user&password=test_api_user";

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_go_over_one_connection() {
    let live = Live::start().await;
    let mut bytes = post("/oauth/token/", "", LOGIN);
    bytes.extend(post("/oauth/token", "Connection: close\r\n", LOGIN));
    let answer = live.exchange(bytes).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(answer.contains("cache-control: no-store"), "{answer}");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_413_announced_or_not() {
    let live = Live::start().await;
    let body = "a".repeat(200_000);
    let announced = live.exchange(post("/oauth/token", "Connection: close\r\n", &body)).await;
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let chunked = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let chunked = live.exchange(chunked.into_bytes()).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_long_or_malformed_are_4xx() {
    let live = Live::start().await;
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    let long = live.exchange(long.into_bytes()).await;
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
    for request in [
        "GET\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://evil/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        let answer = live.exchange(request.as_bytes().to_vec()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?} {answer}");
    }
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_are_cut_off_and_a_slow_body_is_told_so() {
    let live = Live::start().await;
    let slow_body = "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\
                     Content-Type: application/json\r\n\r\n{";
    let (headers, body, nothing) = tokio::join!(
        live.exchange(b"POST /oauth/token HTTP/1.1\r\nHost: x\r\n".to_vec()),
        live.exchange(slow_body.as_bytes().to_vec()),
        live.exchange(Vec::new()),
    );
    assert!(!headers.contains(" 200 "), "{headers}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert_eq!(nothing, "");
    live.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_is_answered_and_idle_connections_are_closed_at_shutdown() {
    let live = Live::start().await;
    let address = live.address;
    let (idle, mut in_flight) = spawn_blocking(move || {
        let mut idle = connect(address);
        idle.write_all(&post("/oauth/token", "", LOGIN)).expect("a request");
        let mut byte = [0];
        idle.read_exact(&mut byte).expect("an answer");
        let mut in_flight = connect(address);
        // A 100 says that the server has begun to read this call.
        let head = post("/oauth/token", "Expect: 100-continue\r\n", LOGIN);
        let (head, _) = head.split_at(head.len() - LOGIN.len());
        in_flight.write_all(head).expect("headers");
        let mut proceed = [0; 25];
        in_flight.read_exact(&mut proceed).expect("a 100");
        assert_eq!(&proceed, b"HTTP/1.1 100 Continue\r\n\r\n");
        (idle, in_flight)
    })
    .await
    .expect("two connections");
    live.stop.send(Stage::Draining).expect("a server");
    let answers = spawn_blocking(move || {
        let mut idle = idle;
        let idle = rest(&mut idle);
        let closed = (0..10_000).any(|_| TcpStream::connect(address).is_err());
        assert!(closed, "the listener is closed, soon");
        in_flight.write_all(LOGIN.as_bytes()).expect("a body");
        (idle, rest(&mut in_flight))
    });
    let (idle, answer) = answers.await.expect("answers");
    assert!(idle.starts_with("TTP/1.1 200"), "{idle}");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    live.serving.await.expect("a clean end");
}

#[tokio::test]
async fn every_answer_names_its_call_as_the_caller_did_or_by_a_name_of_its_own() {
    let live = Live::start().await;
    let request = |id: &str| {
        format!("GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{id}\r\n")
            .into_bytes()
    };
    let given = live.exchange(request("x-request-id: call-7\r\n")).await;
    assert!(given.contains("x-request-id: call-7\r\n"), "{given}");
    let drawn = live.exchange(request("")).await;
    let name = drawn.split("x-request-id: ").nth(1).and_then(|rest| rest.lines().next());
    assert_eq!(name.map(str::len), Some(16), "{drawn}");
    let hostile = "x".repeat(65);
    let replaced = live.exchange(request(&format!("x-request-id: {hostile}\r\n"))).await;
    assert!(!replaced.contains(&hostile), "{replaced}");
    live.stop().await;
}
