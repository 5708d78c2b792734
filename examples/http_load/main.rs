//! A load of HTTP/1.1 requests with tokens, for the benchmarks of `/check` and of proxies.
//!
//! Each connection sends its next request when the last is answered. Nothing but the status and the length of
//! an answer is read, so that the load takes less of its core than the server of its own. Prints the rate and
//! the latencies in JSON. `benches/agent.py` and `benches/proxies.py` run it.

use std::{error::Error, fs, io, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use hdrhistogram::Histogram;
use jeton::config::ListenAddress;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    task::{JoinSet, yield_now},
    time::Instant,
};

/// Longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

#[derive(Parser)]
struct Options {
    /// The server: an address and port, or `unix:` and a path.
    #[arg(long, value_parser = ListenAddress::parse)]
    connect: ListenAddress,
    /// Path and query of each request.
    #[arg(long, default_value = "/")]
    path: String,
    /// File of the tokens that are shown in turn, one a line.
    #[arg(long)]
    tokens: PathBuf,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Counted seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds before these.
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Never sleeps: a server's time then has no part that wakes the load.
    #[arg(long)]
    busy: bool,
    /// Shows each token once instead.
    #[arg(long)]
    once: bool,
}

/// Requests that one connection sends in turn.
struct Requests {
    texts: Arc<Vec<String>>,
    first: usize,
    step: usize,
}

/// The counted part of the time; none where each token is shown once.
#[derive(Clone, Copy)]
struct Counted {
    from: Instant,
    to: Option<Instant>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let request = |token: &str| {
        format!(
            "GET {} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {token}\r\n\r\n",
            options.path
        )
    };
    let texts: Vec<String> = fs::read_to_string(&options.tokens)?.lines().map(request).collect();
    let texts = Arc::new(texts);
    let from = Instant::now()
        + if options.once { Duration::ZERO } else { Duration::from_secs(options.warm_up) };
    let to = (!options.once).then(|| from + Duration::from_secs(options.seconds));
    let counted = Counted { from, to };
    if options.busy {
        // With it there is always something to do, so that the runtime only looks for events.
        tokio::spawn(async {
            loop {
                yield_now().await;
            }
        });
    }
    let mut connections = JoinSet::new();
    for first in 0..options.connections {
        let requests = Requests { texts: Arc::clone(&texts), first, step: options.connections };
        match &options.connect {
            ListenAddress::Network(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                connections.spawn(send(stream, requests, counted));
            }
            ListenAddress::Unix(path) => {
                connections.spawn(send(UnixStream::connect(path).await?, requests, counted));
            }
        }
    }
    let mut micros = Histogram::<u64>::new(3)?;
    while let Some(sent) = connections.join_next().await {
        micros.add(sent??)?;
    }
    let seconds = (to.unwrap_or_else(Instant::now) - from).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = micros.len() as f64 / seconds;
    let figures = serde_json::json!({
        "per_second": per_second,
        "p50": micros.value_at_quantile(0.5),
        "p99": micros.value_at_quantile(0.99),
    });
    println!("{figures}");
    Ok(())
}

/// Sends requests until the time is over, or all are sent. Returns the latencies in microseconds.
async fn send(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: Requests,
    counted: Counted,
) -> io::Result<Histogram<u64>> {
    let mut micros = Histogram::new(3).map_err(io::Error::other)?;
    let mut answer = Vec::with_capacity(LONGEST_HEAD);
    let Requests { texts, first, step } = requests;
    let mut at = first;
    loop {
        let sent = Instant::now();
        let over = match counted.to {
            Some(to) => sent >= to,
            None => at >= texts.len(),
        };
        if over {
            return Ok(micros);
        }
        stream.write_all(texts[at % texts.len()].as_bytes()).await?;
        receive(&mut stream, &mut answer).await?;
        if sent >= counted.from {
            let passed = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            micros.record(passed.max(1)).map_err(io::Error::other)?;
        }
        at += step;
    }
}

/// Receives one answer, which must be 200.
async fn receive(stream: &mut (impl AsyncRead + Unpin), answer: &mut Vec<u8>) -> io::Result<()> {
    answer.clear();
    let end = loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if head.get(9..12) != Some("200") {
        return Err(io::Error::other(head));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    while answer.len() < end + length {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
