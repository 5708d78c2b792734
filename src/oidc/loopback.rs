//! The listener on this machine that the browser comes back to (RFC 8252 §7.3).

use std::{convert::Infallible, net::Ipv4Addr, time::Duration};

use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::{
    Authorization, OidcError, Provider,
    redirect::{Expected, Judged, PATH},
};
use crate::domain::secret::Secret;

/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Longest wait for a request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Most connections at a time; a browser opens a few.
const MOST_CONNECTIONS: usize = 16;
/// Time for the last page to get to the browser.
const LAST_PAGE: Duration = Duration::from_secs(1);

/// A listener on 127.0.0.1.
pub struct Loopback {
    listener: TcpListener,
    port: u16,
}

type Outcome = Result<Secret, OidcError>;

impl Loopback {
    /// Listens on a port, or on any that is free.
    ///
    /// # Errors
    /// `NoPort`.
    pub async fn bind(port: Option<u16>) -> Result<Self, OidcError> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await;
        let listener = bound.map_err(OidcError::NoPort)?;
        let port = listener.local_addr().map_err(OidcError::NoPort)?.port();
        Ok(Self { listener, port })
    }

    /// The address that the browser comes back to.
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer to `request`, without a time limit, and returns its code. What other pages
    /// send here changes nothing.
    ///
    /// # Errors
    /// `Refused` by the provider or the person.
    pub async fn code(self, request: &Authorization, provider: &Provider) -> Outcome {
        let expected = Expected {
            state: request.state.clone(),
            issuer: provider.issuer.clone(),
            names_issuer: provider.names_issuer,
        };
        let (outcomes, mut outcome) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        let found = loop {
            tokio::select! {
                Some(found) = outcome.recv() => break found,
                accepted = self.listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(serve(stream, expected.clone(), outcomes.clone()));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        };
        let shown = async { while connections.join_next().await.is_some() {} };
        // A connection that a browser keeps open is of no use any more.
        drop(timeout(LAST_PAGE, shown).await);
        found
    }
}

async fn serve(stream: TcpStream, expected: Expected, outcomes: mpsc::Sender<Outcome>) {
    let answer = |request: Request<Incoming>| {
        let judged = expected.judge(request.method(), request.uri());
        let outcomes = outcomes.clone();
        async move {
            let (status, text) = match judged {
                Judged::Elsewhere => (StatusCode::NOT_FOUND, "Nothing is here."),
                Judged::Foreign => (StatusCode::BAD_REQUEST, "This is no answer to the login."),
                Judged::Answer(outcome) => {
                    let text = match &outcome {
                        Ok(_) => "Go back to the terminal: jeton goes on there.",
                        Err(_) => "The login was refused: the terminal has the reason.",
                    };
                    // A second answer finds nobody who waits for it.
                    drop(outcomes.try_send(outcome));
                    (StatusCode::OK, text)
                }
            };
            Ok::<_, Infallible>(page(status, text))
        }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    // A browser that goes away is no fault of the login.
    drop(connection.await);
}

/// A page of plain text, which nobody keeps: the code is in its address.
fn page(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::from(text));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    page
}
