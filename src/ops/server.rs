//! The ops listener: its thread, and what its connections may take.

use std::{convert::Infallible, io, sync::Arc, thread, time::Duration};

use axum::{Router, response::Response};
use bytesize::ByteSize;
use http::Request;
use tokio::{
    runtime,
    sync::{oneshot, watch},
    time::timeout,
};
use tonic::Status;
use tower::{ServiceExt as _, service_fn};

use super::{Exposition, Readiness, liveness::Liveness, recorder::Recorder, router::router};
use crate::{
    config::LimitSettings,
    domain::time::Clock,
    grpc::Health,
    transport::{Bound, Carriage, Cores, Protocol, Received, Stage, Transport, WhenFull},
};

/// Longest time until a call is answered. Only health reads a message, which may not come.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of the heartbeat of the runtime that answers calls.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Limits of connections: probes and scrapers are few, and ask for little.
fn limits() -> LimitSettings {
    LimitSettings {
        connections: 128,
        streams: 16,
        resets: 16,
        header_bytes: ByteSize::kib(16),
        pending_bytes: ByteSize::mib(4),
        keepalive_interval: Duration::from_secs(30),
        keepalive_timeout: Duration::from_secs(10),
        connection_age: Duration::from_secs(5 * 60),
        connection_age_grace: Duration::from_secs(10),
        preface_timeout: Duration::from_secs(10),
        header_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(10),
        ..LimitSettings::default()
    }
}

/// A bound listener, not yet serving.
pub struct OpsServer {
    socket: Bound,
    clock: Arc<dyn Clock>,
}

impl OpsServer {
    /// Creates a server over a bound socket. The clock is for what expires.
    pub fn over(socket: Bound, clock: Arc<dyn Clock>) -> Self {
        Self { socket, clock }
    }

    /// Serves on a thread of its own for as long as the runtime that this is called on lives:
    /// a probe while the process stops, or while that runtime or one of the cores is stuck, gets
    /// that answer.
    ///
    /// # Errors
    /// When there can be no such thread.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(
        self,
        readiness: &Readiness,
        exposition: &Exposition,
        health: &Health,
        cores: Option<Cores>,
    ) -> io::Result<()> {
        self.start_looking_every(HEARTBEAT, readiness, exposition, health, cores)
    }

    fn start_looking_every(
        self,
        period: Duration,
        readiness: &Readiness,
        exposition: &Exposition,
        health: &Health,
        cores: Option<Cores>,
    ) -> io::Result<()> {
        let liveness = Liveness::default();
        let recorder =
            Recorder::new(exposition.clone(), liveness.clone(), readiness.clone(), self.clock);
        let router = router(&liveness, readiness, exposition, health, &recorder);
        let own = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = own.enter();
            self.socket.listen()?
        };
        // It is never asked to drain: it answers until the process ends.
        let (serves, stage) = watch::channel(Stage::Serving);
        let transport = Transport::new(Carriage {
            when_full: WhenFull::MakeRoom,
            ..Carriage::plain(Protocol::Either, limits(), stage)
        });
        let service = service_fn(move |request| answer(router.clone(), request));
        // Dropped with the runtime that the heart beats on.
        let (alive, ended) = oneshot::channel::<Infallible>();
        let beating = liveness.clone().beat(period, cores);
        let serving = async move {
            let _serves = serves;
            tokio::select! {
                () = transport.serve(listener, service) => {}
                () = liveness.look(period) => {}
                never = recorder.run() => match never {},
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

async fn answer(router: Router, request: Request<Received>) -> Result<Response, Infallible> {
    match timeout(CALL_TIMEOUT, router.oneshot(request)).await {
        Ok(answer) => answer,
        Err(_) => Ok(Status::deadline_exceeded("the call took too long").into_http()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{Ipv4Addr, SocketAddr, TcpStream},
        sync::mpsc,
    };

    use tokio::runtime::Builder;

    use super::*;
    use crate::{
        config::{ListenAddress, SocketAccess},
        domain::time::Timestamp,
    };

    /// A clock that stands still.
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn age(&self) -> Duration {
            Duration::ZERO
        }
    }

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
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
        let bound = Bound::at(&anywhere, &SocketAccess::default()).expect("a socket");
        let ListenAddress::Network(address) = bound.address().expect("its address") else {
            panic!("no address of the network")
        };
        let server = OpsServer::over(bound, Arc::new(Stopped));
        let readiness = Readiness::starting();
        readiness.set(Ok(()));
        runtime.block_on(async {
            let (exposition, health) = (Exposition::new(), Health::starting().await);
            let period = Duration::from_millis(5);
            let started =
                server.start_looking_every(period, &readiness, &exposition, &health, None);
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
