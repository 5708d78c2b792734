//! Attacks on every path over HTTP/2: messages that never end, and answers that nobody takes.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use jeton::proto::v1::BatchIntrospectRequest;
use prost::Message as _;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_request::MessageRequest,
};

use crate::served::Listener;

/// Calls on each connection: as many as the server allows by default.
const STREAMS: usize = 256;
/// The method of reflection.
const REFLECTION: &str = "/ServerReflectionInfo";
/// Longest wait of a peer for the server to act.
const HELD: Duration = Duration::from_secs(5);

/// Client that makes the calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The value of `authorization`.
    pub(crate) authorization: String,
    /// A token that is good.
    pub(crate) token: String,
}

/// Message that each peer sends on each of its streams.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// Half of a message that is as long as may be, and then nothing.
    Half,
    /// A message of 4 MiB.
    Long,
    /// A good question, whose answer is not taken.
    Unread,
}

impl Message {
    /// Returns the number of streams of a peer.
    const fn streams(self) -> usize {
        match self {
            Self::Half | Self::Unread => STREAMS,
            // The server reads no more of them than it must.
            Self::Long => 4,
        }
    }
}

/// One peer for each path of each listener, all at the same time: how many of them were cut off.
pub(crate) async fn attack(served: &[Listener], caller: &Caller, message: Message) -> String {
    let mut peers = JoinSet::new();
    for listener in served {
        for path in &listener.http2 {
            let (address, path) = (listener.address.clone(), path.clone());
            let caller = caller.clone();
            peers.spawn(async move { peer(&address, &path, &caller, message).await });
        }
    }
    let peers = peers.join_all().await;
    let calls: usize = peers.iter().map(|(calls, _)| calls).sum();
    let cut = peers.iter().filter(|(_, cut)| *cut).count();
    assert!(calls > peers.len(), "{message:?}: {calls} calls");
    format!("{calls} calls at {} paths; {cut} connections cut", peers.len())
}

/// Peers of each reflection service, whose answers are long and made ahead.
const REFLECTING: usize = 20;

/// Some peers at each path of reflection that take no answer: how many of them were cut off.
pub(crate) async fn unread_reflection(served: &[Listener], caller: &Caller) -> String {
    let mut peers = JoinSet::new();
    for Listener { address, http2, .. } in served {
        for path in http2.iter().filter(|path| path.ends_with(REFLECTION)) {
            for _ in 0..REFLECTING {
                let (address, path, caller) = (address.clone(), path.clone(), caller.clone());
                peers.spawn(async move { peer(&address, &path, &caller, Message::Unread).await });
            }
        }
    }
    let peers = peers.join_all().await;
    let cut = peers.iter().filter(|(_, cut)| *cut).count();
    assert!(!peers.is_empty(), "reflection is not served");
    format!("{cut} of {} connections cut", peers.len())
}

/// Returns the number of calls that it made, and whether the server has ended the connection.
async fn peer(address: &str, path: &str, caller: &Caller, message: Message) -> (usize, bool) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let mut builder = Builder::new();
    if matches!(message, Message::Unread) {
        builder.initial_window_size(0);
    }
    // A server that has had enough may be quicker than the handshake.
    let Ok((mut sender, connection)) = builder.handshake(stream).await else { return (0, true) };
    let mut connection = tokio::spawn(connection);
    let bytes = match message {
        Message::Half => head(200 << 10, &vec![0; 100 << 10]),
        Message::Long => head(4 << 20, &vec![0; 4 << 20]),
        Message::Unread => {
            let question = question(path, caller);
            head(question.len(), &question)
        }
    };
    let mut open = Vec::new();
    let asking = async {
        while open.len() < message.streams() {
            match ask(&mut sender, (address, path), caller).await {
                Some((answer, mut body)) => {
                    drop(body.send_data(bytes.clone(), matches!(message, Message::Unread)));
                    open.push((answer, body));
                }
                None => return,
            }
        }
    };
    // One that may open no more streams has as many as it can.
    drop(timeout(HELD / 2, asking).await);
    let cut = timeout(HELD, &mut connection).await.is_ok();
    connection.abort();
    (open.len(), cut)
}

type Call = (h2::client::ResponseFuture, h2::SendStream<Bytes>);

async fn ask(
    sender: &mut SendRequest<Bytes>,
    (address, path): (&str, &str),
    caller: &Caller,
) -> Option<Call> {
    let request = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", &caller.authorization)
        .body(())
        .expect("a request");
    std::future::poll_fn(|context| sender.poll_ready(context)).await.ok()?;
    sender.send_request(request, false).ok()
}

/// A message's head, which says how long it is, and what is sent of it.
fn head(length: usize, sent: &[u8]) -> Bytes {
    let length = u32::try_from(length).expect("a length").to_be_bytes();
    [&[0][..], &length, sent].concat().into()
}

/// Returns the request with the longest answer.
fn question(path: &str, caller: &Caller) -> Vec<u8> {
    if path.ends_with("/BatchIntrospect") {
        let tokens = vec![caller.token.clone(); 1_000];
        return BatchIntrospectRequest { tokens }.encode_to_vec();
    }
    if path.ends_with(REFLECTION) {
        let service = "jeton.v1.AdminService".to_owned();
        let message_request = Some(MessageRequest::FileContainingSymbol(service));
        return ServerReflectionRequest { host: "h".repeat(3 << 10), message_request }
            .encode_to_vec();
    }
    Vec::new()
}
