//! Attacks by crowds: many connections, on each of which a little lies.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::frames::{DATA, END_HEADERS, GREETING, HEADERS, NO_FLAGS, call, frame};

/// Longest wait of a peer for the server to act.
const HELD: Duration = Duration::from_secs(6);

/// A request over HTTP/1.1 with so much of its body.
pub(crate) fn half_body(path: &str, sent: usize) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n",
        sent + 1
    );
    [head.as_bytes(), "x".repeat(sent).as_bytes()].concat()
}

/// A call over HTTP/2 with as much of a message of 200 KiB as its window lets through.
pub(crate) fn half_message(path: &str) -> Vec<u8> {
    let mut words = [GREETING, &frame(HEADERS, END_HEADERS, 1, &call(path))].concat();
    let length = (200_u32 << 10).to_be_bytes();
    let message = [&[0][..], &length, &b"x".repeat((64 << 10) - 6)].concat();
    for part in message.chunks(16 << 10) {
        words.extend(frame(DATA, NO_FLAGS, 1, part));
    }
    words
}

/// So many peers, each of which says `words` and then nothing: how many of them were cut off.
pub(crate) async fn crowd(address: &str, peers: usize, words: Vec<u8>) -> String {
    let words: Arc<[u8]> = words.into();
    let mut crowd = JoinSet::new();
    for _ in 0..peers {
        let (address, words) = (address.to_owned(), Arc::clone(&words));
        crowd.spawn(async move {
            let Ok(mut stream) = TcpStream::connect(address).await else { return true };
            let closed = async {
                if stream.write_all(&words).await.is_ok() {
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
                }
            };
            timeout(HELD, closed).await.is_ok()
        });
    }
    let cut = crowd.join_all().await.into_iter().filter(|cut| *cut).count();
    format!("{cut} of {peers} connections cut")
}
