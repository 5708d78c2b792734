//! HTTP/2 frames made by hand, for paths that no HTTP library sends.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::common::{server::Server, wait::within};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends an empty message to `path` as it is written, and returns whether anything answered: what
/// is no request at all is reset, or the connection ends.
pub(crate) async fn is_answered(server: &Server, path: &str, authorization: &[String]) -> bool {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS, 1, &headers(server, path, authorization)));
    bytes.extend(frame(DATA, END_STREAM, 1, &[0; 5]));
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(&bytes).await.expect("sent");
    within("an answer", async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).await.expect("the frame");
            match head[3] {
                HEADERS | DATA => return true,
                RST_STREAM | GOAWAY => return false,
                _ => {}
            }
        }
    })
    .await
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// RFC 7541 §6.2.3: literals that are never indexed, without Huffman coding.
fn headers(server: &Server, path: &str, authorization: &[String]) -> Vec<u8> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", server.address()),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields.extend(authorization.iter().map(|header| ("authorization", header.as_str())));
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            let length = u8::try_from(text.len()).expect("a short text");
            assert!(length < 127, "one byte of length");
            block.push(length);
            block.extend(text.as_bytes());
        }
    }
    block
}
