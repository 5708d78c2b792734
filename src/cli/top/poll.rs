//! Asks an ops listener for its readiness and its metrics.

use std::{io, time::Duration};

use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::address::Address;
use crate::figures::Reading;

/// Longest time for everything.
const ALL: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const MOST: usize = 8 << 20;

/// Answers of an ops listener at one moment.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    /// True if it is ready.
    pub(super) ready: bool,
    /// Lines of `/readyz`: the state, and warnings.
    pub(super) lines: Vec<String>,
    pub(super) reading: Reading,
}

/// Asks once, over a connection of its own.
///
/// # Errors
/// In words, why there is no answer.
pub(super) async fn poll(address: &Address) -> Result<Polled, String> {
    let asking = async {
        match address {
            Address::Network(authority) => ask(TcpStream::connect(authority).await).await,
            Address::Unix(path) => ask(UnixStream::connect(path).await).await,
        }
    };
    let seconds = ALL.as_secs();
    timeout(ALL, asking).await.map_err(|_| format!("no answer within {seconds} seconds"))?
}

async fn ask<T>(connected: io::Result<T>) -> Result<Polled, String>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(connected.map_err(|error| in_words(&error))?);
    let shaken = http1::handshake(stream).await;
    let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
    let asking = async {
        let (status, state) = get(&mut sender, "/readyz").await?;
        let (found, metrics) = get(&mut sender, "/metrics").await?;
        if found != StatusCode::OK {
            return Err(format!("/metrics is answered by {found}: is it an ops listener?"));
        }
        let reading = Reading::parse(&metrics)
            .map_err(|fault| format!("/metrics is in another format: {fault}"))?;
        let lines = state.lines().map(printable).collect();
        Ok(Polled { ready: status == StatusCode::OK, lines, reading })
    };
    tokio::select! {
        answer = asking => answer,
        Err(error) = connection => Err(error.to_string()),
    }
}

async fn get(
    sender: &mut SendRequest<Empty<Bytes>>,
    path: &str,
) -> Result<(StatusCode, String), String> {
    let request = Request::get(path).header(HOST, "ops").body(Empty::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// A line of another program does not steer the terminal.
fn printable(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn in_words(error: &io::Error) -> String {
    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
    if refused { "nobody listens there".to_owned() } else { error.to_string() }
}
