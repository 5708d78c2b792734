//! Limits of a peer, from outside: a limit is met, the connection or the call ends, and everybody
//! else is served.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout},
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::common::{
    caller::{Caller, client_credentials},
    server::Server,
    settings::Settings,
    wait::{until, within},
};

/// HTTP/2's preface and empty SETTINGS.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn limited(limits: &[(&'static str, &str)]) -> Settings {
    let standard = Settings::standard();
    limits.iter().fold(standard, |settings, (key, value)| settings.set("limits", key, value))
}

/// Returns the time until the server closes a connection that says `words` and nothing more.
async fn closes(address: &str, words: &[u8]) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(words).await.expect("words");
    let mut said = Vec::new();
    // A connection that is reset is closed too.
    drop(within("to be closed", stream.read_to_end(&mut said)).await);
    began.elapsed()
}

/// A bare HTTP/2 connection, and the task that ends with it.
async fn bare(address: &str) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
    (sender, tokio::spawn(connection))
}

fn introspect(address: &str) -> Request<()> {
    let url = format!("http://{address}/jeton.v1.TokenService/Introspect");
    let request =
        Request::post(url).header("content-type", "application/grpc").header("te", "trailers");
    request.body(()).expect("a request")
}

fn grpc_status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").and_then(|status| status.to_str().ok())
}

#[tokio::test]
async fn connections_that_say_nothing_or_too_little_are_closed() {
    let times = [("preface_timeout", "1s"), ("header_timeout", "2s"), ("http_keepalive", "3s")];
    let server = Server::start(&limited(&times)).await;
    let (grpc, http) = (server.address().to_owned(), server.http());
    for (address, words, seconds) in [
        (&grpc, &b""[..], 1),
        (&grpc, b"PRI * HTTP/2.0\r\n", 1),
        // Two seconds longer than announced.
        (&http, b"", 5),
        (&http, b"POST /oauth/token HTTP/1.1\r\nhost: a\r\n", 2),
    ] {
        let after = closes(address, words).await;
        let expected = Duration::from_secs(seconds)..Duration::from_secs(seconds + 8);
        assert!(expected.contains(&after), "{words:?} at {address}: {after:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_given_up() {
    let times = [("keepalive_interval", "1s"), ("keepalive_timeout", "1s")];
    let server = Server::start(&limited(&times)).await;
    // It reads, and acknowledges nothing.
    let after = closes(server.address(), GREETING).await;
    assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&after), "{after:?}");
    // The same between the headers of a call, whose end never comes.
    let headers = [GREETING, b"\0\0\x01\x01\0\0\0\0\x01\x83"].concat();
    let after = closes(server.address(), &headers).await;
    assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&after), "{after:?}");
    server.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_there_is_room_again() {
    let settings = Settings::standard().set_number("limits", "connections", 3);
    let server = Server::start(&settings).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(bare(server.address()).await);
    }
    // Sooner than any timeout would.
    let after = closes(server.address(), b"").await;
    assert!(after < Duration::from_secs(5), "{after:?}");
    server.logs("there are too many").await;
    let (sender, connection) = held.pop().expect("one of them");
    drop(sender);
    drop(within("to end", connection).await);
    until("to have room", async || {
        let stream = TcpStream::connect(server.address()).await.expect("a connection");
        match h2::client::handshake::<_>(stream).await {
            Ok((mut sender, connection)) => {
                let driving = tokio::spawn(connection);
                let asked = sender.send_request(introspect(server.address()), true);
                let answered = match asked {
                    Ok((answer, _)) => answer.await.is_ok(),
                    Err(_) => false,
                };
                driving.abort();
                answered
            }
            Err(_) => false,
        }
    })
    .await;
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn a_call_whose_message_does_not_come_exceeds_its_deadline() {
    let server = Server::start(&limited(&[("request_timeout", "1s")])).await;
    let (mut sender, _connection) = bare(server.address()).await;
    let (answer, mut body) =
        sender.send_request(introspect(server.address()), false).expect("sent");
    // Half a message.
    body.send_data(Bytes::from_static(b"\0\0\0\0\x20half"), false).expect("sent");
    let answer = within("to be answered", answer).await.expect("an answer");
    assert_eq!(grpc_status(answer.headers()), Some("4"), "{answer:?}");

    // The caller's own deadline is the server's too, also for a stream that has begun.
    let mut health = HealthClient::new(server.connect().await);
    let mut watch = tonic::Request::new(HealthCheckRequest::default());
    watch.set_timeout(Duration::from_secs(1));
    let mut watch = health.watch(watch).await.expect("a watch").into_inner();
    watch.message().await.expect("no error").expect("a first message");
    let ended = within("to end", watch.message()).await.expect_err("a deadline");
    assert_eq!(ended.code(), Code::DeadlineExceeded);
    server.stop().await;
}

#[tokio::test]
async fn connections_come_to_an_age() {
    let times = [("connection_age", "1s"), ("connection_age_grace", "1s")];
    let server = Server::start(&limited(&times)).await;
    let (sender, aged) = bare(server.address()).await;
    let mut health = HealthClient::new(server.connect().await);
    let mut watch =
        health.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner();
    watch.message().await.expect("no error").expect("a first message");
    // GOAWAY: no error, and over.
    drop(sender);
    within("to end", aged).await.expect("no panic").expect("no error");
    within("to be cut", watch.message()).await.expect_err("it outlived its connection");
    server.stop().await;
}

/// Calls without a pause, over a connection that is replaced when it ends, for so long: how many, and
/// the first that failed.
async fn call(caller: Caller, lasts: Duration) -> (u32, Result<(), tonic::Status>) {
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < lasts {
        if let Err(failed) = caller.issue(client_credentials()).await {
            return (calls, Err(failed));
        }
        calls += 1;
    }
    (calls, Ok(()))
}

/// The longest that this process was not run for while `calls` were made: it looks every 10 ms.
async fn standstill<T>(calls: impl Future<Output = T>) -> (T, Duration) {
    let mut calls = std::pin::pin!(calls);
    let (mut longest, mut looked) = (Duration::ZERO, Instant::now());
    loop {
        match timeout(Duration::from_millis(10), calls.as_mut()).await {
            Ok(done) => return (done, longest.max(looked.elapsed())),
            Err(_) => longest = longest.max(looked.elapsed()),
        }
        looked = Instant::now();
    }
}

#[tokio::test]
async fn no_call_fails_because_its_connection_comes_to_an_age() {
    /// To the server a client that stands still for a second looks idle, and may then meet GOAWAY
    /// halfway; one that stands still for less than this must not.
    const STANDSTILL: Duration = Duration::from_millis(500);
    let mut runtimes = vec!["per-core", "shared"];
    let mut void = 0;
    while let Some(runtime) = runtimes.last() {
        let age = limited(&[("connection_age", "1s")]);
        let server = Server::start(&age.set("serve", "runtime", runtime)).await;
        let mut callers = JoinSet::new();
        for _ in 0..16 {
            callers.spawn(call(server.caller("shop").await, Duration::from_secs(4)));
        }
        let (calls, longest) = standstill(within("to call", callers.join_all())).await;
        let answered: u32 = calls.iter().map(|(calls, _)| calls).sum();
        println!("{runtime}: {answered} calls over 16 connections that get one second old");
        match calls.into_iter().find_map(|(_, ended)| ended.err()) {
            None => drop(runtimes.pop()),
            Some(failed) => {
                assert!(longest >= STANDSTILL, "a token, over whichever connection: {failed}");
                void += 1;
                assert!(void < 10, "the machine stands still for {longest:?} and longer");
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn streams_headers_and_messages_are_no_more_than_the_settings_say() {
    let settings = limited(&[("header_bytes", "2KiB"), ("request_bytes", "1KiB")]);
    let server = Server::start(&settings.set_number("limits", "streams", 7)).await;
    let (mut sender, _connection) = bare(server.address()).await;
    let (answer, _) = sender.send_request(introspect(server.address()), true).expect("sent");
    within("to be answered", answer).await.expect("an answer");
    assert_eq!(sender.current_max_send_streams(), 7);

    let mut long = introspect(server.address());
    long.headers_mut().insert("x-long", "a".repeat(3 << 10).parse().expect("a header"));
    let (answer, _) = sender.send_request(long, true).expect("sent");
    let refused = within("to be refused", answer).await;
    // 431 (RFC 6585 §5), or the stream is reset.
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));

    let shop = server.caller("shop").await;
    let wordy = Caller { secret: "x".repeat(2 << 10), ..shop.clone() };
    let refused = wordy.issue(client_credentials()).await.expect_err("too long a message");
    assert_eq!(refused.code(), Code::InvalidArgument);
    shop.issue(client_credentials()).await.expect("a token all the same");
    server.stop().await;
}

/// Returns the HTTP listener's answer to a request for a token with these headers and this body.
async fn posts(address: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    within("to answer", stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

#[tokio::test]
async fn a_body_is_as_long_and_as_slow_as_the_settings_say() {
    let settings = limited(&[("body_bytes", "2KiB"), ("body_timeout", "1s")]);
    let server = Server::start(&settings).await;
    let login = "grant_type=client_credentials&client_id=shop&client_secret=shop-secret&x=";
    for (length, status) in [(2_048, "200"), (2_049, "413")] {
        let body = format!("{login}{}", "x".repeat(length - login.len()));
        let answer = posts(&server.http(), &format!("content-length: {length}\r\n"), &body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
    }
    let began = Instant::now();
    // Ten bytes that never come.
    let longer = format!("content-length: {}\r\n", login.len() + 10);
    let answer = posts(&server.http(), &longer, login).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn a_watch_of_a_service_that_is_not_known_says_so_and_stays_open() {
    let server = Server::start(&Settings::standard()).await;
    let mut health = HealthClient::new(server.connect().await);
    let about = HealthCheckRequest { service: "nobody.v1.Knows".to_owned() };
    let mut watch = health.watch(about.clone()).await.expect("a watch").into_inner();
    let first = watch.message().await.expect("no error").expect("a first message");
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    let refused = health.check(about).await.expect_err("a check");
    assert_eq!(refused.code(), Code::NotFound);
    server.terminate();
    // Nothing more is said, and the stop is not held up.
    assert!(!matches!(within("to end", watch.message()).await, Ok(Some(_))));
    server.ended().await;
}

/// A question about all services, which names a host.
fn list_services(host: String) -> ServerReflectionRequest {
    ServerReflectionRequest {
        host,
        message_request: Some(MessageRequest::ListServices(String::new())),
    }
}

#[tokio::test]
async fn health_and_reflection_read_a_name_and_no_more() {
    let server = Server::start(&Settings::standard()).await;
    let name = "x".repeat(5 << 10);
    let ops = format!("http://{}", server.ops().await.address);
    let ops = Endpoint::from_shared(ops).expect("a URL").connect_lazy();
    let mut ops = HealthClient::new(ops);
    let mut grpc = HealthClient::new(server.connect().await);
    for health in [&mut ops, &mut grpc] {
        let about = HealthCheckRequest { service: name.clone() };
        health.check(about.clone()).await.expect_err("too long a message");
        health.watch(about).await.expect_err("too long a message");
        health.check(HealthCheckRequest::default()).await.expect("an answer");
    }
    let mut reflection = ServerReflectionClient::new(server.connect().await);
    for (host, answers) in [(String::new(), true), (name, false)] {
        let questions = tokio_stream::once(list_services(host));
        let said = reflection.server_reflection_info(questions).await.expect("a stream");
        let said = within("to answer", said.into_inner().message()).await;
        assert_eq!(matches!(said, Ok(Some(_))), answers, "{said:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_of_questions_is_over_when_another_call_would_have_to_be_answered() {
    let server = Server::start(&limited(&[("request_timeout", "1s")])).await;
    // A caller that asks again and again, and one that says nothing after its first question.
    let question = || list_services(String::new());
    let again = tokio_stream::iter(0..).map(move |_| question());
    let again = again.throttle(Duration::from_millis(50));
    let silence = tokio_stream::once(question()).chain(tokio_stream::pending());
    let questions: [Pin<Box<dyn Stream<Item = _> + Send>>; 2] =
        [Box::pin(again), Box::pin(silence)];
    for questions in questions {
        let mut reflection = ServerReflectionClient::new(server.connect().await);
        let said = reflection.server_reflection_info(questions).await.expect("a stream");
        let mut said = said.into_inner();
        let mut answers = 0;
        let ended = loop {
            match within("to end", said.message()).await {
                Ok(Some(_)) => answers += 1,
                Ok(None) => panic!("ended as if it were content"),
                Err(ended) => break ended,
            }
        };
        assert_eq!(ended.code(), Code::DeadlineExceeded);
        assert!(answers > 0);
    }
    // Half a message, and then nothing: what was read of it is let go with its stream.
    let (mut sender, _connection) = bare(server.address()).await;
    let mut request = introspect(server.address());
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    *request.uri_mut() = format!("http://{}{path}", server.address()).parse().expect("a URL");
    let (answer, mut questions) = sender.send_request(request, false).expect("sent");
    questions.send_data(Bytes::from_static(b"\0\0\0\0\x20half"), false).expect("sent");
    let mut answer = within("to begin", answer).await.expect("an answer").into_body();
    let end = within("to end", answer.trailers()).await.expect("no error").expect("trailers");
    assert_eq!(grpc_status(&end), Some("4"), "{end:?}");
    server.stop().await;
}

#[tokio::test]
async fn reflection_can_be_turned_off() {
    let server = Server::start(&Settings::standard().set_flag("grpc", "reflection", false)).await;
    let mut reflection = ServerReflectionClient::new(server.connect().await);
    let questions = tokio_stream::once(list_services(String::new()));
    let refused = reflection.server_reflection_info(questions).await.expect_err("no such service");
    assert_eq!(refused.code(), Code::Unimplemented);
    server.caller("shop").await.issue(client_credentials()).await.expect("a token");
    server.stop().await;
}
