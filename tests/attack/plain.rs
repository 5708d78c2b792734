//! Attacks on every path over HTTP/1.1: bodies that never end, and answers that nobody reads.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    task::JoinSet,
    time::timeout,
};

use crate::served::Listener;

/// Peers at each path.
const PEERS: usize = 2;
/// How long a peer goes on at most.
const LONGEST: Duration = Duration::from_secs(40);

/// What each peer does.
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
                [head.as_bytes(), &[b'x'; 30_000]].concat()
            }
            Self::Unread => format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
        }
    }
}

/// Some peers at each path of each listener, all at the same time: how many of them were cut off.
pub(crate) async fn attack(served: &[Listener], request: Request) -> String {
    let mut peers = JoinSet::new();
    let mut paths = 0;
    for listener in served {
        for path in &listener.http1 {
            paths += 1;
            for _ in 0..PEERS {
                let (address, text) = (listener.address.clone(), request.text(path));
                peers.spawn(async move { timeout(LONGEST, peer(&address, &text, request)).await });
            }
        }
    }
    let peers = peers.join_all().await;
    let cut = peers.iter().filter(|cut| cut.is_ok()).count();
    assert_eq!(cut, peers.len(), "{request:?}: the server keeps connections");
    format!("{cut} of {} peers at {paths} paths cut", peers.len())
}

/// Returns when the server has ended the connection.
async fn peer(address: &str, text: &[u8], request: Request) {
    // With little room for what it is sent, so that it soon takes nothing more.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a buffer");
    let address = address.parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    drop(stream.write_all(text).await);
    match request {
        // What is said is not read either, but the end is seen.
        Request::Half => while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {},
        Request::Unread => while stream.write_all(text).await.is_ok() {},
    }
}
