//! Attacks on every path over HTTP/1.1: bodies that never end, and answers that nobody reads.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::served::Listener;

/// Peers at each path.
const PEERS: usize = 2;
/// Longest time in which a connection that takes or sends nothing stands still before the server ends it. The
/// server's own bound is 30 s and a quarter, from when its own writes stand still: a busy machine comes to that
/// seconds after the peer's.
const LONGEST: Duration = Duration::from_secs(90);

/// Request of each peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// Half of a body, and then nothing.
    Half,
    /// One request after the other, whose answers are not read.
    Unread,
}

impl Request {
    fn text(self, path: &str) -> Vec<u8> {
        match self {
            Self::Half => {
                let head =
                    format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n");
                [head.as_bytes(), "x".repeat(30_000).as_bytes()].concat()
            }
            Self::Unread => format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
        }
    }
}

/// End of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server has closed its connection.
    Cut,
    /// The server still took its requests.
    Served,
    /// The server neither took anything nor closed the connection.
    Kept,
}

/// Some peers at each path of each listener, all at the same time: how they ended.
pub(crate) async fn attack(served: &[Listener], request: Request) -> String {
    let mut peers = JoinSet::new();
    let mut paths = 0;
    for listener in served {
        for path in &listener.http1 {
            paths += 1;
            for _ in 0..PEERS {
                let (address, text) = (listener.address.clone(), request.text(path));
                peers.spawn(async move { peer(&address, &text, request).await });
            }
        }
    }
    let ends = peers.join_all().await;
    let count = |end| ends.iter().filter(|ended| **ended == end).count();
    assert_eq!(count(End::Kept), 0, "{request:?}: the server keeps connections");
    format!("{} of {} peers at {paths} paths cut", count(End::Cut), ends.len())
}

async fn peer(address: &str, text: &[u8], request: Request) -> End {
    // With little room for what it is sent, so that it soon takes nothing more.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a buffer");
    let address = address.parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    let began = Instant::now();
    match request {
        Request::Half => {
            drop(stream.write_all(text).await);
            let closed =
                async { while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} };
            if timeout(LONGEST, closed).await.is_ok() { End::Cut } else { End::Kept }
        }
        Request::Unread => loop {
            match timeout(LONGEST, stream.write_all(text)).await {
                Ok(Ok(())) if began.elapsed() > LONGEST / 2 => return End::Served,
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Cut,
                Err(_) => return End::Kept,
            }
        },
    }
}
