//! A listener in the place of an issuer: it answers each request with the same bytes.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// Publisher of keys, which keeps the requests.
pub(crate) struct Publisher {
    pub(crate) port: u16,
    pub(crate) requests: mpsc::UnboundedReceiver<String>,
    answer: Arc<Mutex<Vec<u8>>>,
}

/// Conduct of a publisher after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    Hang,
}

impl Publisher {
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        Self::behind(answer, then, None).await
    }

    pub(crate) async fn behind(
        answer: impl Into<Vec<u8>>,
        then: Then,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(Mutex::new(answer.into()));
        let answers = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.lock().expect("an answer").clone();
                let (tls, asked) = (tls.clone(), asked.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answer, then, &asked).await,
                        Some(tls) => serve(tls.accept(stream).await?, &answer, then, &asked).await,
                    }
                });
            }
        });
        Self { port, requests, answer }
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().expect("an answer") = answer.into();
    }

    /// The URL of its keys.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    then: Then,
    asked: &mpsc::UnboundedSender<String>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    asked.send(String::from_utf8_lossy(&request).into_owned()).ok();
    stream.write_all(answer).await?;
    match then {
        Then::Close => stream.shutdown().await,
        Then::Hang => std::future::pending().await,
    }
}

/// A good answer.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
