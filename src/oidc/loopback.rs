//! The listener on this machine that the browser comes back to (RFC 8252 §7.3).

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

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
    task::{AbortHandle, JoinSet},
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

/// Connections that are open, the oldest first.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: VecDeque<Connection>,
}

/// A connection that may have sent a request's head.
struct Connection {
    task: AbortHandle,
    has_asked: Arc<AtomicBool>,
}

impl Connections {
    /// Serves a connection. It takes the place of the oldest that has asked for nothing, if all places are
    /// taken: processes that only connect keep no browser waiting.
    fn serve(&mut self, stream: TcpStream, expected: Expected, outcomes: mpsc::Sender<Outcome>) {
        self.open.retain(|connection| !connection.task.is_finished());
        let mut idle = self.open.iter();
        let idle = idle.position(|connection| !connection.has_asked.load(Ordering::Relaxed));
        if self.open.len() >= MOST_CONNECTIONS
            && let Some(oldest) = idle.and_then(|place| self.open.remove(place))
        {
            oldest.task.abort();
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&has_asked);
        let task = self.tasks.spawn(serve(stream, expected, outcomes, asked));
        self.open.push_back(Connection { task, has_asked });
    }

    /// Returns whether there is a place for another, or one to be made.
    fn has_room(&self) -> bool {
        let is_busy = |connection: &Connection| connection.has_asked.load(Ordering::Relaxed);
        self.tasks.len() < MOST_CONNECTIONS || !self.open.iter().all(is_busy)
    }
}

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

    /// Waits for the answer to `request`, without a time limit, and returns its code. Requests of
    /// other pages change nothing.
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
        let mut connections = Connections::default();
        let found = loop {
            tokio::select! {
                Some(found) = outcome.recv() => break found,
                accepted = self.listener.accept(), if connections.has_room() => {
                    if let Ok((stream, _)) = accepted {
                        connections.serve(stream, expected.clone(), outcomes.clone());
                    }
                }
                Some(_) = connections.tasks.join_next() => {}
            }
        };
        let shown = async { while connections.tasks.join_next().await.is_some() {} };
        // A connection that a browser keeps open is of no use any more.
        drop(timeout(LAST_PAGE, shown).await);
        found
    }
}

async fn serve(
    stream: TcpStream,
    expected: Expected,
    outcomes: mpsc::Sender<Outcome>,
    has_asked: Arc<AtomicBool>,
) {
    let answer = |request: Request<Incoming>| {
        has_asked.store(true, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::domain::entropy::Entropy;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[tokio::test]
    async fn connections_without_a_request_keep_no_browser_waiting() {
        let loopback = Loopback::bind(None).await.expect("a port");
        let place = (Ipv4Addr::LOCALHOST, loopback.port);
        let request = Authorization::new("cli".into(), &[], loopback.redirect_uri(), &Fixed);
        let state = request.state.expose().to_owned();
        let metadata = r#"{"issuer":"https://a.example","authorization_endpoint":"https://a.example/a","token_endpoint":"https://a.example/t"}"#;
        let provider = Provider::read(metadata.as_bytes(), "https://a.example", None);
        let provider = provider.expect("a provider");
        let code = tokio::spawn(async move { loopback.code(&request, &provider).await });
        let mut idle = Vec::new();
        for _ in 0..3 * MOST_CONNECTIONS {
            idle.push(TcpStream::connect(place).await.expect("a connection"));
        }
        let mut browser = TcpStream::connect(place).await.expect("a connection");
        let head = format!("GET {PATH}?code=c&state={state} HTTP/1.1\r\nhost: a\r\n\r\n");
        browser.write_all(head.as_bytes()).await.expect("sent");
        let mut page = String::new();
        let reading = timeout(HEAD_TIME / 2, browser.read_to_string(&mut page)).await;
        reading.expect("an answer before the others' time is over").expect("an answer");
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert_eq!(code.await.expect("an end").expect("a code").expose(), "c");
    }
}
