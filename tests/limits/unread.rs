//! Peers that do not take their answers, or hold places and say nothing: they lose their connections,
//! and nobody else waits for them.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use jeton::proto::v1::BatchIntrospectRequest;
use prost::Message as _;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::common::{
    caller::client_credentials,
    server::Server,
    settings::Settings,
    wait::{until, within},
};

/// Asks for `request` again and again and never reads: how long the server waits, once nothing more
/// goes through, before it closes the connection.
async fn never_reads(address: &str, request: &str) -> Duration {
    // With little room for what it is sent, so that it soon takes nothing more.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a buffer");
    let address = address.parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    let mut went_through = Instant::now();
    let asking = async {
        while stream.write_all(request.as_bytes()).await.is_ok() {
            went_through = Instant::now();
        }
    };
    within("to be closed", asking).await;
    went_through.elapsed()
}

#[tokio::test]
async fn an_http_peer_that_never_reads_is_closed() {
    let server = Server::start(&Settings::standard().set("limits", "write_timeout", "1s")).await;
    let ops = server.ops().await;
    for (address, request, patience) in [
        (server.http(), "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n", 1),
        (server.http(), "POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", 1),
        (ops.address.clone(), "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n", 10),
    ] {
        let after = never_reads(&address, request).await;
        let patience = Duration::from_secs(patience);
        assert!(after < patience * 4 + Duration::from_secs(10), "{after:?}");
    }
    server.stop().await;
}

/// A connection whose peer takes no byte of any answer.
async fn closed_window(address: &str) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let shaken = Builder::new().initial_window_size(0).handshake(stream).await;
    let (sender, connection) = shaken.expect("a handshake");
    (sender, tokio::spawn(connection))
}

fn batch(address: &str, authorization: &str) -> Request<()> {
    let url = format!("http://{address}/jeton.v1.TokenService/BatchIntrospect");
    let request = Request::post(url).header("content-type", "application/grpc");
    let request = request.header("te", "trailers").header("authorization", authorization);
    request.body(()).expect("a request")
}

/// A message that asks about so many tokens.
fn about(token: &str, count: usize) -> Bytes {
    let message = BatchIntrospectRequest { tokens: vec![token.to_owned(); count] }.encode_to_vec();
    let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
    [&[0][..], &length, &message].concat().into()
}

#[tokio::test]
async fn answers_that_nobody_takes_end_their_connection() {
    let server = Server::start(&Settings::standard().set("limits", "write_timeout", "2s")).await;
    let shop = server.caller("shop").await;
    let token = shop.issue(client_credentials()).await.expect("a token").access_token;
    let address = server.address().to_owned();
    let (mut sender, connection) = closed_window(&address).await;
    let signed = shop.signed(());
    let authorization = signed.metadata().get("authorization").expect("credentials");
    let authorization = authorization.to_str().expect("text").to_owned();
    let message = about(&token, 1_000);
    let began = Instant::now();
    let mut open = Vec::new();
    for _ in 0..16 {
        // On a slow machine the first is given up before the last is asked for.
        let asked = sender.send_request(batch(&address, &authorization), false);
        let Ok((answer, mut body)) = asked else { break };
        drop(body.send_data(message.clone(), true));
        let Ok(answer) = within("to be answered", answer).await else { break };
        open.push(answer.into_body());
    }
    assert!(!open.is_empty());
    drop(sender);
    drop(within("to be closed", connection).await);
    let after = began.elapsed();
    assert!(after >= Duration::from_secs(2) && after < Duration::from_secs(20), "{after:?}");
    assert!(shop.is_active(&token).await, "others are answered");
    server.stop().await;
}

#[tokio::test]
async fn probes_are_answered_while_others_hold_every_place() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let mut watches = Vec::new();
    for _ in 0..300 {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", ops.address));
        let mut health = HealthClient::new(endpoint.expect("a URL").connect_lazy());
        let watch = within("to watch", health.watch(HealthCheckRequest::default())).await;
        watches.push((health, watch.expect("a watch").into_inner()));
    }
    // Connections that say nothing at all hold no place either.
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(&ops.address).await.expect("a connection"));
        if silent.len().is_multiple_of(10) {
            let asked = Instant::now();
            assert_eq!(ops.get("/livez").await, (200, "alive\n".to_owned()));
            assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        }
    }
    drop(silent);
    // A watch that lost its place to others begins again.
    let (health, _) = watches.swap_remove(0);
    until("to watch again", async || {
        health.clone().watch(HealthCheckRequest::default()).await.is_ok()
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn half_a_message_to_the_health_of_the_ops_listener_is_not_waited_for() {
    let server = Server::start(&Settings::standard()).await;
    let ops = server.ops().await;
    let stream = TcpStream::connect(&ops.address).await.expect("a connection");
    let (mut sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
    let driving = tokio::spawn(connection);
    let url = format!("http://{}/grpc.health.v1.Health/Check", ops.address);
    let request = Request::post(url).header("content-type", "application/grpc").body(());
    let (answer, mut body) = sender.send_request(request.expect("a request"), false).expect("sent");
    body.send_data(Bytes::from_static(b"\0\0\0\0\x20half"), false).expect("sent");
    let answer = timeout(Duration::from_secs(40), answer).await.expect("in time");
    let status = answer.expect("an answer").headers().get("grpc-status").cloned();
    assert_eq!(status.expect("a status"), "4");
    driving.abort();
    server.stop().await;
}
