//! One request to an issuer: bounded in time and size, and nowhere but to the URL that is given.

use std::{io, time::Duration};

use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
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
    /// The answer is a refusal, or a redirect.
    #[error("the answer is {}{}", .0, advice(*.0))]
    Status(StatusCode),
    /// The answer has more bytes than that.
    #[error("the answer is longer than {} KiB", .0 >> 10)]
    TooLong(usize),
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
///
/// # Errors
/// See [`GetError`]; `Status` for an answer other than 200.
pub async fn get(url: &KeyUrl, most: usize) -> Result<Vec<u8>, GetError> {
    let (status, body) = exchange(url, request(url)?, most).await?;
    if status == StatusCode::OK { Ok(body) } else { Err(GetError::Status(status)) }
}

/// Posts a form, and returns the body of the answer, of at most `most` bytes.
///
/// # Errors
/// See [`GetError`]; `Status` for an answer other than 200 and 400 (RFC 6749 §5.2).
pub async fn post_form(
    url: &KeyUrl,
    form: Zeroizing<String>,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, GetError> {
    let mut request = request(url)?;
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form_type);
    *request.body_mut() = Full::from(form.as_bytes().to_vec());
    let (status, body) = exchange(url, request, most).await?;
    match status {
        StatusCode::OK | StatusCode::BAD_REQUEST => Ok(Zeroizing::new(body)),
        status => Err(GetError::Status(status)),
    }
}

/// Posts JSON, and returns the body of the answer, of at most `most` bytes.
///
/// # Errors
/// See [`GetError`]; `Status` for an answer other than 200 and 201.
pub(super) async fn post_json(
    url: &KeyUrl,
    json: Zeroizing<Vec<u8>>,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, GetError> {
    let mut request = request(url)?;
    *request.method_mut() = Method::POST;
    let json_type = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::ACCEPT, json_type.clone());
    request.headers_mut().insert(header::CONTENT_TYPE, json_type);
    *request.body_mut() = Full::from(json.to_vec());
    let (status, body) = exchange(url, request, most).await?;
    match status {
        StatusCode::OK | StatusCode::CREATED => Ok(Zeroizing::new(body)),
        status => Err(GetError::Status(status)),
    }
}

async fn exchange(
    url: &KeyUrl,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<(StatusCode, Vec<u8>), GetError> {
    let asking = async {
        let connecting = timeout(CONNECT, connector::connect(url)).await;
        match connecting.map_err(|_| GetError::TimedOut)?? {
            connector::Stream::Plain(stream) => ask(stream, request, most).await,
            connector::Stream::Tls(stream) => ask(stream, request, most).await,
        }
    };
    timeout(ALL, asking).await.map_err(|_| GetError::TimedOut)?
}

fn request(url: &KeyUrl) -> Result<Request<Full<Bytes>>, GetError> {
    let mut request = Request::new(Full::default());
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
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<(StatusCode, Vec<u8>), GetError> {
    let builder = http1::Builder::new().max_buf_size(HEAD_BYTES).clone();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let answering = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        if !matches!(status, StatusCode::OK | StatusCode::CREATED | StatusCode::BAD_REQUEST) {
            return Err(GetError::Status(status));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        Ok((status, body.map_err(|error| fault(error, most))?.to_bytes().to_vec()))
    };
    tokio::select! {
        answer = answering => answer,
        // A connection that has ended in order may have brought everything.
        Err(error) = connection => Err(error.into()),
    }
}

fn fault(error: Box<dyn std::error::Error + Send + Sync>, most: usize) -> GetError {
    if error.is::<LengthLimitError>() {
        return GetError::TooLong(most);
    }
    match error.downcast::<hyper::Error>() {
        Ok(error) => GetError::Broken(*error),
        Err(_) => GetError::TooLong(most),
    }
}
