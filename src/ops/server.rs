//! The ops listener: connections and their limits.

use std::{convert::Infallible, future::pending, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

use super::{Exposition, Readiness, router::router};
use crate::grpc::Health;

/// Connections at one time: probes and scrapers are few. One more is closed at once.
const MAX_CONNECTIONS: usize = 128;
/// How long a connection may take to its first request, whichever protocol it turns out to speak,
/// and on HTTP/1 to the headers of each next one.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest request line and headers together, in bytes.
const MAX_HEADER_BYTES: u16 = 16 << 10;
/// Concurrent calls on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;
/// Streams that a peer may have us reset before its connection is closed (CVE-2023-44487 and kin).
const MAX_RESETS: usize = 16;
/// How often an HTTP/2 peer that says nothing is asked whether it is there, and for how long.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound listener, not yet serving.
pub struct OpsServer {
    listener: TcpListener,
}

impl OpsServer {
    /// Binds the listener.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)? })
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped: whoever asks while the process stops is told so.
    pub async fn serve(self, readiness: Readiness, exposition: Exposition, health: Health) {
        let router = router(readiness, exposition, &health);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        tokio::spawn(connection(stream, router.clone(), place));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "an ops connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    let (asked, mut first) = watch::channel(false);
    let service = service_fn(move |request| {
        asked.send_replace(true);
        answer(router.clone(), request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES.into());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .max_header_list_size(MAX_HEADER_BYTES.into())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // hyper waits for ever for the bytes that tell HTTP/1 from HTTP/2.
    let too_late = async {
        let in_time = timeout(REQUEST_TIMEOUT, first.wait_for(|asked| *asked)).await.is_ok();
        if in_time {
            pending::<()>().await;
        }
    };
    tokio::select! {
        ended = serving => {
            if let Err(error) = ended {
                tracing::debug!(error, "an ops connection ended early");
            }
        }
        () = too_late => tracing::debug!("an ops connection asked nothing"),
    }
}

async fn answer(router: Router, request: http::Request<Incoming>) -> Result<Response, Infallible> {
    router.oneshot(request.map(axum::body::Body::new)).await
}
