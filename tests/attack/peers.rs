//! The attacks: what each sends, how often, and until when.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use jeton::proto::v1::IntrospectRequest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    common::server::Server,
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GREETING, HEADERS, NO_FLAGS, PING, RESET,
        SETTINGS, bomb, call, frame,
    },
};

/// No peer lasts longer.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    IdleConnections,
    SlowPreface,
    SlowHeaders,
    SlowHttpHeaders,
    HeaderBomb,
    RapidReset,
    ContinuationFlood,
    EmptyDataFlood,
    PingFlood,
    SettingsFlood,
    UnaskedAcks,
    LongMessage,
    GzipBomb,
    ManyStreams,
}

impl Attack {
    pub(crate) const ALL: [Self; 14] = [
        Self::IdleConnections,
        Self::SlowPreface,
        Self::SlowHeaders,
        Self::SlowHttpHeaders,
        Self::HeaderBomb,
        Self::RapidReset,
        Self::ContinuationFlood,
        Self::EmptyDataFlood,
        Self::PingFlood,
        Self::SettingsFlood,
        Self::UnaskedAcks,
        Self::LongMessage,
        Self::GzipBomb,
        Self::ManyStreams,
    ];

    /// Runs it to its end, and says what was counted.
    pub(crate) async fn run(self, server: &Server) -> String {
        let (grpc, http) = (server.address().to_owned(), server.http());
        match self {
            Self::IdleConnections => idle(&grpc, 2_000).await,
            Self::SlowPreface => slow(&grpc, 200, GREETING[..24].to_vec()).await,
            Self::SlowHeaders => {
                let words = [GREETING, &frame(HEADERS, NO_FLAGS, 1, &call())].concat();
                let drop_by_drop = frame(CONTINUATION, NO_FLAGS, 1, b"").repeat(64);
                trickle(&grpc, 200, words, drop_by_drop).await
            }
            Self::SlowHttpHeaders => {
                let request = format!("POST /oauth/token HTTP/1.1\r\nx: {}", "y".repeat(1_000));
                slow(&http, 200, request.into_bytes()).await
            }
            Self::HeaderBomb => {
                let words = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb());
                flood(&grpc, 50, "blocks of 46 MB", move |_| words.clone(), 1).await
            }
            Self::RapidReset => {
                let of = |number| {
                    let stream = 2 * number + 1;
                    let opened = frame(HEADERS, END_HEADERS | END_STREAM, stream, &call());
                    [opened, frame(RESET, NO_FLAGS, stream, &[0, 0, 0, 8])].concat()
                };
                flood(&grpc, 10, "streams opened and reset", of, 10_000).await
            }
            Self::ContinuationFlood => {
                let of = |number| match number {
                    0 => frame(HEADERS, NO_FLAGS, 1, &call()),
                    _ => frame(CONTINUATION, NO_FLAGS, 1, &[0x00, 1, b'a', 1, b'b']),
                };
                flood(&grpc, 10, "CONTINUATION frames", of, 50_000).await
            }
            Self::EmptyDataFlood => {
                let of = |number| match number {
                    0 => frame(HEADERS, END_HEADERS, 1, &call()),
                    _ => frame(DATA, NO_FLAGS, 1, b""),
                };
                flood(&grpc, 10, "empty DATA frames", of, 50_000).await
            }
            Self::PingFlood => {
                let ping = frame(PING, NO_FLAGS, 0, &[0; 8]);
                flood(&grpc, 10, "PING frames", move |_| ping.clone(), 50_000).await
            }
            Self::SettingsFlood => {
                let settings = frame(SETTINGS, NO_FLAGS, 0, b"");
                flood(&grpc, 10, "SETTINGS frames", move |_| settings.clone(), 50_000).await
            }
            Self::UnaskedAcks => {
                let ack = frame(PING, ACK, 0, &[0; 8]);
                flood(&grpc, 10, "answers to no PING", move |_| ack.clone(), 50_000).await
            }
            Self::LongMessage => long_messages(server, 20).await,
            Self::GzipBomb => gzip_bombs(&grpc, &http, 20).await,
            Self::ManyStreams => {
                let of = |number| frame(HEADERS, END_HEADERS, 2 * number + 1, &call());
                flood(&grpc, 5, "streams opened", of, 10_000).await
            }
        }
    }
}

async fn idle(address: &str, count: usize) -> String {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let mut closed = JoinSet::new();
    for stream in held {
        closed.spawn(until_closed(stream));
    }
    let closed = closed.join_all().await.into_iter().filter(|closed| *closed).count();
    format!("{closed} of {count} connections closed by the server")
}

/// Whether the server ends the connection before we give up.
async fn until_closed(mut stream: TcpStream) -> bool {
    let mut heard = Vec::new();
    timeout(LONGEST, stream.read_to_end(&mut heard)).await.is_ok()
}

/// Says `words`, a byte every tenth of a second.
async fn slow(address: &str, count: usize, words: Vec<u8>) -> String {
    trickle(address, count, Vec::new(), words).await
}

/// Says `words`, and then the rest, a byte every tenth of a second.
async fn trickle(address: &str, count: usize, words: Vec<u8>, rest: Vec<u8>) -> String {
    let mut peers = JoinSet::new();
    for _ in 0..count {
        let (address, words, rest) = (address.to_owned(), words.clone(), rest.clone());
        peers.spawn(async move {
            let stream = TcpStream::connect(address).await.expect("a connection");
            let (mut reading, mut writing) = stream.into_split();
            let talking = async move {
                writing.write_all(&words).await?;
                for byte in rest {
                    sleep(Duration::from_millis(100)).await;
                    writing.write_all(&[byte]).await?;
                }
                sleep(LONGEST).await;
                std::io::Result::Ok(())
            };
            let mut heard = Vec::new();
            let closed = async { drop(reading.read_to_end(&mut heard).await) };
            tokio::select! {
                () = closed => true,
                talked = talking => talked.is_err(),
                () = sleep(LONGEST) => false,
            }
        });
    }
    let closed = peers.join_all().await.into_iter().filter(|closed| *closed).count();
    format!("{closed} of {count} slow peers closed by the server")
}

/// From each of `peers` connections, `count` times what `of` says, as fast as it is taken.
async fn flood(
    address: &str,
    peers: usize,
    what: &str,
    of: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
    count: u32,
) -> String {
    let mut floods = JoinSet::new();
    for _ in 0..peers {
        let (address, of) = (address.to_owned(), of.clone());
        floods.spawn(async move {
            let stream = TcpStream::connect(address).await.expect("a connection");
            let (mut reading, mut writing) = stream.into_split();
            let hearing = tokio::spawn(async move {
                let mut heard = Vec::new();
                drop(timeout(LONGEST, reading.read_to_end(&mut heard)).await);
            });
            let began = Instant::now();
            let mut sent = 0_u32;
            let mut closed = writing.write_all(GREETING).await.is_err();
            while sent < count && !closed && began.elapsed() < LONGEST {
                let next: Vec<u8> = (sent..(sent + 100).min(count)).flat_map(&of).collect();
                closed = !matches!(timeout(LONGEST, writing.write_all(&next)).await, Ok(Ok(())));
                sent += 100;
            }
            drop(writing);
            drop(hearing.await);
            (sent.min(count), closed)
        });
    }
    let floods = floods.join_all().await;
    let sent: u64 = floods.iter().map(|(sent, _)| u64::from(*sent)).sum();
    let closed = floods.iter().filter(|(_, closed)| *closed).count();
    let most = u64::from(count) * u64::try_from(peers).expect("few peers");
    format!("{sent} of {most} {what}; {closed} of {peers} connections cut before their end")
}

async fn long_messages(server: &Server, count: usize) -> String {
    let shop = server.caller("shop").await;
    let mut refused = 0;
    for _ in 0..count {
        let request = IntrospectRequest { token: "x".repeat(4 << 20), ..Default::default() };
        let answer = shop.stub.clone().introspect(shop.signed(request)).await;
        refused += usize::from(answer.is_err());
    }
    assert_eq!(refused, count);
    format!("{refused} of {count} messages of 4 MiB refused")
}

/// 64 MiB that are 64 KiB on the wire, for gRPC and for HTTP.
async fn gzip_bombs(grpc: &str, http: &str, count: usize) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).expect("memory");
    let bomb = encoder.finish().expect("memory");
    let length = u32::try_from(bomb.len()).expect("it is short").to_be_bytes();
    let mut refused = 0;
    for _ in 0..count {
        let stream = TcpStream::connect(grpc).await.expect("a connection");
        let (mut sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
        let driving = tokio::spawn(connection);
        let url = format!("http://{grpc}/jeton.v1.TokenService/Introspect");
        let request = http::Request::post(url).header("content-type", "application/grpc");
        let request = request.header("grpc-encoding", "gzip").body(()).expect("a request");
        let (answer, mut body) = sender.send_request(request, false).expect("sent");
        let message = [&[1][..], &length, &bomb].concat();
        // It may be answered before all of it is sent.
        drop(body.send_data(message.into(), true));
        let answer = answer.await.expect("an answer");
        refused += usize::from(answer.headers().contains_key("grpc-status"));
        driving.abort();

        let mut stream = TcpStream::connect(http).await.expect("a connection");
        let head = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            bomb.len()
        );
        stream.write_all(head.as_bytes()).await.expect("a head");
        drop(stream.write_all(&bomb).await);
        let mut said = Vec::new();
        drop(timeout(LONGEST, stream.read_to_end(&mut said)).await);
        refused += usize::from(said.starts_with(b"HTTP/1.1 4"));
    }
    assert_eq!(refused, 2 * count);
    format!("{refused} of {} compressed messages refused", 2 * count)
}
