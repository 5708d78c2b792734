//! An API server that reviews tokens, and its conduct.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The path of token reviews.
const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// API server, which keeps the last question.
pub(crate) struct ApiServer {
    pub(crate) port: u16,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

struct State {
    asked: AtomicUsize,
    last: Mutex<(String, Value)>,
    answer: Mutex<Vec<u8>>,
    silent: watch::Sender<bool>,
}

impl ApiServer {
    /// A server that gives this answer to each question.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            asked: AtomicUsize::new(0),
            last: Mutex::default(),
            answer: Mutex::new(answer.into()),
            silent: watch::Sender::new(false),
        });
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self { port, state, listening }
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, answer: impl Into<Vec<u8>>) {
        *self.state.answer.lock().expect("an answer") = answer.into();
    }

    /// Holds every answer back, or gives those that were held.
    pub(crate) fn silence(&self, silent: bool) {
        self.state.silent.send_replace(silent);
    }

    /// Number of questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Head and body of the last question.
    pub(crate) fn last(&self) -> (String, Value) {
        self.state.last.lock().expect("a question").clone()
    }

    /// The URL of its token reviews.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Ends it: its port refuses connections.
    pub(crate) async fn end(self) {
        self.listening.abort();
        self.listening.await.expect_err("it was ended");
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    stream.read_exact(&mut body).await?;
    let body = serde_json::from_slice(&body).expect("JSON");
    *state.last.lock().expect("a question") = (head, body);
    state.asked.fetch_add(1, Ordering::SeqCst);
    let mut silent = state.silent.subscribe();
    silent.wait_for(|silent| !silent).await.map_err(io::Error::other)?;
    let answer = state.answer.lock().expect("an answer").clone();
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

/// Answer of an API server, which repeats the question with a token.
pub(crate) fn review(status: &Value) -> String {
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "metadata": {},
        "spec": { "token": "repeated", "audiences": ["https://tokens.example"] },
        "status": status,
    });
    let body = body.to_string();
    format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Answer by which a token is of that account, with the uid `7c1b`, for that audience.
pub(crate) fn yes(username: &str, audience: &str) -> Value {
    json!({
        "authenticated": true,
        "user": { "username": username, "uid": "7c1b", "groups": ["system:serviceaccounts"] },
        "audiences": [audience],
    })
}

/// Answer of an API server for a token of an account that is gone.
pub(crate) fn no() -> Value {
    json!({ "user": {}, "error": "[invalid bearer token, Token has been invalidated]" })
}
