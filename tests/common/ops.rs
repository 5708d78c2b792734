//! Probes and metrics, asked with nothing but a socket.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::wait::within;

/// The ops listener of a server.
#[derive(Clone, Debug)]
pub(crate) struct Ops {
    pub(crate) address: String,
}

impl Ops {
    pub(super) fn new(address: String) -> Self {
        Self { address }
    }

    /// The status and the body of a GET.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let asking = async {
            let mut stream = TcpStream::connect(&self.address).await.expect("a connection");
            let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        };
        let answer = within("to answer", asking).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    /// The metrics as they are now.
    pub(crate) async fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200);
        Metrics { text }
    }
}

/// Contents of `/metrics`.
pub(crate) struct Metrics {
    pub(crate) text: String,
}

impl Metrics {
    /// The number of a series, written as it is served: `name{label="value"}`. Zero when it is not
    /// there.
    pub(crate) fn count(&self, series: &str) -> u64 {
        let line = self.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().expect("a whole number"))
    }
}
