//! The HTTP server: listener, connections, limits.

use std::{
    convert::Infallible, error, future::Future, io, net::SocketAddr, pin::pin, time::Duration,
};

use axum::{Router, extract::ConnectInfo, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tower::ServiceExt as _;

use super::{front::router, measured::HttpMetrics, options::HttpOptions};
use crate::{service::Ready, store::Store, telemetry::RequestIds};

/// How long a client may take to send its headers, those of the next request on the same
/// connection included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest request line and headers together, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound listener, not yet serving.
pub struct HttpServer {
    listener: TcpListener,
}

impl HttpServer {
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

    /// Serves until `shutdown` is done and every call in flight is answered. Whoever calls bounds
    /// that wait.
    ///
    /// # Errors
    /// When the options are no good.
    pub async fn serve<S: Store>(
        self,
        service: Ready<S>,
        options: HttpOptions,
        metrics: HttpMetrics,
        request_ids: RequestIds,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let router = router(service, &options, &metrics)?.layer(request_ids);
        let (stop, stopping) = watch::channel(false);
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(connection(stream, peer, router.clone(), stopping.clone()));
                }
                Err(error) => not_accepted(&error).await,
            }
        }
        drop((self.listener, stopping));
        stop.send_replace(true);
        // Each connection holds a receiver for as long as it lives.
        stop.closed().await;
        Ok(())
    }
}

async fn not_accepted(error: &io::Error) {
    let by_peer = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
    if !by_peer.contains(&error.kind()) {
        tracing::warn!(%error, "a connection could not be accepted");
        sleep(ACCEPT_PAUSE).await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection answers with delay");
    }
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone has no more to say: stop as well.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    mut request: http::Request<Incoming>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}
