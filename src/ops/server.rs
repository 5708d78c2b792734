//! The ops listener: its thread, its connections and their limits.

use std::{
    convert::Infallible, future::pending, io, net::SocketAddr, sync::Arc, thread, time::Duration,
};

use axum::{Router, response::Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

use super::{Exposition, Readiness, liveness::Liveness, router::router};
use crate::{grpc::Health, transport::Cores};

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
/// How often the runtime that answers calls shows that it runs.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A bound listener, not yet serving.
pub struct OpsServer {
    listener: std::net::TcpListener,
}

impl OpsServer {
    /// Binds the listener.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves on a thread of its own for as long as the runtime that this is called on lives:
    /// whoever asks while the process stops, or while that runtime or one of the cores is stuck, is
    /// told so.
    ///
    /// # Errors
    /// When there can be no such thread.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(
        self,
        readiness: Readiness,
        exposition: Exposition,
        health: &Health,
        cores: Option<Cores>,
    ) -> io::Result<()> {
        self.start_looking_every(HEARTBEAT, readiness, exposition, (health, cores))
    }

    fn start_looking_every(
        self,
        period: Duration,
        readiness: Readiness,
        exposition: Exposition,
        (health, cores): (&Health, Option<Cores>),
    ) -> io::Result<()> {
        let liveness = Liveness::default();
        let router = router(liveness.clone(), readiness, exposition, health);
        let own = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = own.enter();
            TcpListener::from_std(self.listener)?
        };
        // Dropped with the runtime that the heart beats on.
        let (alive, ended) = oneshot::channel::<Infallible>();
        let beating = liveness.clone().beat(period, cores);
        let serving = async move {
            tokio::select! {
                () = accept(listener, router) => {}
                () = liveness.look(period) => {}
                _ = ended => {}
            }
        };
        thread::Builder::new().name("ops".into()).spawn(move || own.block_on(serving))?;
        tokio::spawn(async move {
            let _alive = alive;
            beating.await;
        });
        Ok(())
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        match listener.accept().await {
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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{Ipv4Addr, TcpStream},
        sync::mpsc,
    };

    use tokio::runtime::Builder;

    use super::*;

    /// The status line and the body.
    fn get(address: SocketAddr, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    /// Each look is a call over a socket, which paces it.
    fn until_it_says(address: SocketAddr, path: &str, status: &str, body: &str) {
        for _ in 0..1_000_000 {
            let (said, text) = get(address, path);
            if said.contains(status) && text == body {
                return;
            }
        }
        panic!("{path} never said {status} {body}");
    }

    #[test]
    fn a_stuck_runtime_is_told_of_until_it_runs_again() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let server = OpsServer::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a listener");
        let address = server.local_address().expect("its address");
        let readiness = Readiness::starting();
        readiness.set(Ok(()));
        runtime.block_on(async {
            let (exposition, health) = (Exposition::new(), Health::starting().await);
            let period = Duration::from_millis(5);
            let started =
                server.start_looking_every(period, readiness, exposition, (&health, None));
            started.expect("a thread");
        });
        until_it_says(address, "/livez", "200", "alive\n");
        let (release, held) = mpsc::channel::<()>();
        // The only worker there is waits for what no task can send.
        runtime.spawn(async move { held.recv().is_ok() });
        until_it_says(address, "/livez", "503", "the runtime is stuck\n");
        until_it_says(address, "/readyz", "503", "the runtime is stuck\n");
        release.send(()).expect("it waits");
        until_it_says(address, "/livez", "200", "alive\n");
        until_it_says(address, "/readyz", "200", "ready\n");
        // It ends with the runtime.
        drop(runtime);
        while TcpStream::connect(address).is_ok() {}
    }
}
