//! One GET of a key set: bounded in time and size, and nowhere but to the URL of the settings.

use std::{io, time::Duration};

use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use zeroize::Zeroizing;

use super::connector::{self, ConnectError};
use crate::config::{KeyUrl, RegularFile};

/// Longest time to a connection, with its TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for everything.
const ALL: Duration = Duration::from_secs(10);
/// Longest head of an answer, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Longest bearer token, in bytes.
const TOKEN_BYTES: u64 = 16 * 1024;

/// Reason for which a URL cannot be read.
#[derive(Debug, Error)]
pub enum GetError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The file of the bearer token cannot be used.
    #[error("the bearer token {path}: {error}")]
    Token {
        /// Path of the file.
        path: String,
        /// Cause.
        error: io::Error,
    },
    /// It took too long.
    #[error("no answer within {} seconds", ALL.as_secs())]
    TimedOut,
    /// The answer is another one than a key set.
    #[error("the answer is {}{}", .0, advice(*.0))]
    Status(StatusCode),
    /// The answer is too long.
    #[error("the answer is longer than 1 MiB")]
    TooLong,
    /// The answer is no HTTP, or ends early.
    #[error("no answer: {0}")]
    Broken(#[from] hyper::Error),
}

fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => ": redirects are not followed, name the URL itself",
        401 | 403 => ": name a token that it takes in bearer_file",
        _ => "",
    }
}

impl GetError {
    /// Returns whether only a change of files or settings can help.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Token { .. } | Self::Connect(ConnectError::Roots(_)))
    }
}

/// Returns the body of a GET, of at most `most` bytes.
pub(super) async fn get(url: &KeyUrl, most: usize) -> Result<Vec<u8>, GetError> {
    let asking = async {
        let request = request(url)?;
        let connecting = timeout(CONNECT, connector::connect(url)).await;
        match connecting.map_err(|_| GetError::TimedOut)?? {
            connector::Stream::Plain(stream) => ask(stream, request, most).await,
            connector::Stream::Tls(stream) => ask(stream, request, most).await,
        }
    };
    timeout(ALL, asking).await.map_err(|_| GetError::TimedOut)?
}

fn request(url: &KeyUrl) -> Result<Request<Empty<Bytes>>, GetError> {
    let mut request = Request::new(Empty::new());
    let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Some(host) = url.uri.authority().and_then(|host| host.as_str().parse().ok()) {
        headers.insert(header::HOST, host);
    }
    let accepted = HeaderValue::from_static("application/jwk-set+json, application/json");
    headers.insert(header::ACCEPT, accepted);
    if let Some(path) = &url.bearer {
        let fault = |error| GetError::Token { path: path.display().to_string(), error };
        let file = RegularFile::read(path, TOKEN_BYTES).map_err(fault)?;
        headers.insert(header::AUTHORIZATION, bearer(&file.bytes).map_err(fault)?);
    }
    Ok(request)
}

fn bearer(token: &[u8]) -> io::Result<HeaderValue> {
    let token = token.trim_ascii();
    let value = Zeroizing::new([b"Bearer ", token].concat());
    let value = HeaderValue::from_bytes(&value).ok().filter(|_| !token.is_empty());
    let mut value = value.ok_or_else(|| io::Error::other("it holds no token"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
    most: usize,
) -> Result<Vec<u8>, GetError> {
    let builder = http1::Builder::new().max_buf_size(HEAD_BYTES).clone();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let answering = async {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(GetError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        Ok(body.map_err(fault)?.to_bytes().to_vec())
    };
    tokio::select! {
        answer = answering => answer,
        // A connection that has ended in order may have brought everything.
        Err(error) = connection => Err(error.into()),
    }
}

fn fault(error: Box<dyn std::error::Error + Send + Sync>) -> GetError {
    if error.is::<LengthLimitError>() {
        return GetError::TooLong;
    }
    match error.downcast::<hyper::Error>() {
        Ok(error) => GetError::Broken(*error),
        Err(_) => GetError::TooLong,
    }
}
