//! The attacks: what each sends, how often, and until when.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    crowds::{crowd, half_body, half_message},
    floods::Flood,
    frames::{CONTINUATION, GREETING, HEADERS, NO_FLAGS, call, frame},
    messages::{self, Caller, Message},
    plain::{self, Request},
    served::Listener,
};

/// No peer lasts longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    IdleConnections,
    SlowPreface,
    SlowHeaders,
    SlowHttpHeaders,
    HeaderBomb,
    RapidReset,
    MadeYouReset,
    ContinuationFlood,
    EmptyDataFlood,
    PaddedDataFlood,
    PingFlood,
    SettingsFlood,
    TableSizes,
    WindowUpdateFlood,
    PriorityFlood,
    UnknownFrames,
    UnaskedAcks,
    GzipBomb,
    ManyStreams,
    LongMessages,
    HalfMessages,
    UnreadAnswers,
    HalfBodies,
    UnreadHttp,
    ManyHalfBodies,
    LongHalfBodies,
    ManyHalfMessages,
    UnreadReflection,
}

impl Attack {
    const ALL: [Self; 28] = [
        Self::IdleConnections,
        Self::SlowPreface,
        Self::SlowHeaders,
        Self::SlowHttpHeaders,
        Self::HeaderBomb,
        Self::RapidReset,
        Self::MadeYouReset,
        Self::ContinuationFlood,
        Self::EmptyDataFlood,
        Self::PaddedDataFlood,
        Self::PingFlood,
        Self::SettingsFlood,
        Self::TableSizes,
        Self::WindowUpdateFlood,
        Self::PriorityFlood,
        Self::UnknownFrames,
        Self::UnaskedAcks,
        Self::GzipBomb,
        Self::ManyStreams,
        Self::LongMessages,
        Self::HalfMessages,
        Self::UnreadAnswers,
        Self::HalfBodies,
        Self::UnreadHttp,
        Self::ManyHalfBodies,
        Self::LongHalfBodies,
        Self::ManyHalfMessages,
        Self::UnreadReflection,
    ];

    /// All of them, or the one that `JETON_TEST_ATTACK` names.
    pub(crate) fn asked() -> Vec<Self> {
        #[expect(clippy::disallowed_methods, reason = "what a person asks of a test run")]
        let asked = std::env::var("JETON_TEST_ATTACK").ok();
        let named =
            |attack: &Self| asked.as_ref().is_none_or(|name| *name == format!("{attack:?}"));
        let attacks: Vec<_> = Self::ALL.into_iter().filter(named).collect();
        assert!(!attacks.is_empty(), "there is no such attack");
        attacks
    }

    /// Returns whether it makes calls as an administrator, each of which is in the audit.
    pub(crate) fn is_audited(self) -> bool {
        matches!(self, Self::UnreadAnswers)
    }

    /// Runs it to its end against everything that is served, and says what was counted.
    pub(crate) async fn run(self, served: &[Listener], caller: &Caller) -> String {
        match self {
            Self::GzipBomb => gzip_bombs(served).await,
            Self::LongMessages => messages::attack(served, caller, Message::Long).await,
            Self::HalfMessages => messages::attack(served, caller, Message::Half).await,
            Self::UnreadAnswers => messages::attack(served, caller, Message::Unread).await,
            Self::HalfBodies => plain::attack(served, Request::Half).await,
            Self::UnreadHttp => plain::attack(served, Request::Unread).await,
            Self::UnreadReflection => messages::unread_reflection(served, caller).await,
            Self::IdleConnections
            | Self::SlowPreface
            | Self::SlowHeaders
            | Self::SlowHttpHeaders
            | Self::HeaderBomb
            | Self::RapidReset
            | Self::MadeYouReset
            | Self::ContinuationFlood
            | Self::EmptyDataFlood
            | Self::PaddedDataFlood
            | Self::PingFlood
            | Self::SettingsFlood
            | Self::TableSizes
            | Self::WindowUpdateFlood
            | Self::PriorityFlood
            | Self::UnknownFrames
            | Self::UnaskedAcks
            | Self::ManyStreams
            | Self::ManyHalfBodies
            | Self::LongHalfBodies
            | Self::ManyHalfMessages => self.run_on_each(served).await,
        }
    }

    /// Runs one that does not depend on the path, against all listeners at the same time.
    async fn run_on_each(self, served: &[Listener]) -> String {
        let mut attacks = JoinSet::new();
        for listener in served {
            let Listener { name, address, http1, http2 } = listener.clone();
            attacks.spawn(async move {
                let over_http1 = matches!(
                    self,
                    Self::SlowHttpHeaders | Self::ManyHalfBodies | Self::LongHalfBodies
                );
                let paths = if over_http1 { &http1 } else { &http2 };
                let path = match (self, paths.first()) {
                    (Self::IdleConnections, _) => "",
                    (_, Some(path)) => path,
                    (_, None) => return String::new(),
                };
                format!("{name}: {}; ", self.run_on(&address, path).await)
            });
        }
        attacks.join_all().await.concat()
    }

    async fn run_on(self, address: &str, path: &str) -> String {
        let opened = call(path);
        match self {
            Self::IdleConnections => idle(address, 1_000).await,
            Self::SlowPreface => slow(address, 100, GREETING[..24].to_vec()).await,
            Self::SlowHeaders => {
                let words = [GREETING, &frame(HEADERS, NO_FLAGS, 1, &opened)].concat();
                let drop_by_drop = frame(CONTINUATION, NO_FLAGS, 1, b"").repeat(64);
                trickle(address, 100, words, drop_by_drop).await
            }
            Self::SlowHttpHeaders => {
                let request = format!("POST {path} HTTP/1.1\r\nx: {}", "y".repeat(1_000));
                slow(address, 100, request.into_bytes()).await
            }
            Self::ManyHalfBodies => crowd(address, 9_000, half_body(path, 30_000)).await,
            Self::LongHalfBodies => crowd(address, 600, half_body(path, 65_000)).await,
            Self::ManyHalfMessages => crowd(address, 4_000, half_message(path)).await,
            Self::HeaderBomb
            | Self::RapidReset
            | Self::MadeYouReset
            | Self::ContinuationFlood
            | Self::EmptyDataFlood
            | Self::PaddedDataFlood
            | Self::PingFlood
            | Self::SettingsFlood
            | Self::TableSizes
            | Self::WindowUpdateFlood
            | Self::PriorityFlood
            | Self::UnknownFrames
            | Self::UnaskedAcks
            | Self::ManyStreams => Flood::of(self, path).run(address).await,
            Self::GzipBomb
            | Self::LongMessages
            | Self::HalfMessages
            | Self::UnreadAnswers
            | Self::HalfBodies
            | Self::UnreadReflection
            | Self::UnreadHttp => unreachable!("it goes from path to path"),
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

/// Returns whether the server ends the connection before the test gives up.
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

/// 64 MiB that are 64 KiB on the wire, to every path.
async fn gzip_bombs(served: &[Listener]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).expect("memory");
    let bomb = encoder.finish().expect("memory");
    let (mut sent, mut answered) = (0, 0);
    for Listener { address, http1, http2, .. } in served {
        for path in http2 {
            sent += 1;
            answered += usize::from(grpc_bomb(address, path, &bomb).await);
        }
        for path in http1 {
            sent += 1;
            answered += usize::from(http_bomb(address, path, &bomb).await);
        }
    }
    assert_eq!(answered, sent, "some are not answered");
    format!("{answered} of {sent} compressed messages answered at once")
}

/// Returns whether the message is refused, or its stream is.
async fn grpc_bomb(address: &str, path: &str, bomb: &[u8]) -> bool {
    let length = u32::try_from(bomb.len()).expect("it is short").to_be_bytes();
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = h2::client::handshake(stream).await.expect("a handshake");
    let driving = tokio::spawn(connection);
    let url = format!("http://{address}{path}");
    let request = http::Request::post(url).header("content-type", "application/grpc");
    let request = request.header("grpc-encoding", "gzip").body(()).expect("a request");
    let (answer, mut body) = sender.send_request(request, false).expect("sent");
    let message = [&[1][..], &length, bomb].concat();
    // It may be answered before all of it is sent.
    drop(body.send_data(message.into(), true));
    let answered = match timeout(LONGEST, answer).await {
        Ok(Ok(answer)) if answer.headers().contains_key("grpc-status") => true,
        // A stream has begun, or the path speaks no gRPC.
        Ok(Ok(answer)) => {
            let mut body = answer.into_body();
            timeout(LONGEST, async { while let Some(Ok(_)) = body.data().await {} }).await.is_ok()
        }
        Ok(Err(_)) => true,
        Err(_) => false,
    };
    driving.abort();
    answered
}

/// Returns whether the body is refused, or the request answered without a look at it.
async fn http_bomb(address: &str, path: &str, bomb: &[u8]) -> bool {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    drop(stream.write_all(bomb).await);
    let mut said = Vec::new();
    // One whose body is not read is reset once it is answered.
    timeout(LONGEST, stream.read_to_end(&mut said)).await.is_ok()
}
