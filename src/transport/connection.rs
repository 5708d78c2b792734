//! One connection: TLS handshake, first bytes, age, end.

use std::{
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::{Body, Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{rt::TokioIo, server::graceful::GracefulConnection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tower::{Service, ServiceExt as _};

use super::{
    Peer, Protocol, Stage, Transport, first_bytes::FirstBytes, lull::Calls, protocol, tls,
};

/// A connection that is called without a pause gets older by its age divided by this.
const PATIENCE: u32 = 20;

/// Serves one connection to its end.
pub(super) async fn connection<S, B>(
    (stream, address): (TcpStream, SocketAddr),
    service: S,
    (transport, mut stage): (Arc<Transport>, watch::Receiver<Stage>),
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection answers with delay");
    }
    let peer = Peer::at(address);
    let Some(tls) = &transport.tls else {
        return serve(stream, peer, service, &transport, stage).await;
    };
    let accepting = tls.accept(stream, transport.protocol);
    let accepted = tokio::select! {
        accepted = timeout(transport.limits.tls_handshake_timeout, accepting) => accepted,
        () = Stage::Draining.reached(&mut stage) => return,
    };
    match accepted {
        Ok(Ok((stream, certificate))) => {
            let peer = Peer { certificate, ..peer };
            serve(stream, peer, service, &transport, stage).await;
        }
        Ok(Err(error)) => not_shaken(&transport, address, &tls::reason(&error)),
        Err(_) => not_shaken(&transport, address, "it took too long"),
    }
}

/// The peer has had an alert at most; why is for us alone.
fn not_shaken(transport: &Transport, peer: SocketAddr, reason: &str) {
    if transport.refused.may_tell() {
        tracing::info!(%peer, reason, "a TLS handshake failed");
    }
}

/// Speaks the listener's protocol over `stream`.
async fn serve<T, S, B>(
    stream: T,
    peer: Peer,
    service: S,
    transport: &Transport,
    mut stage: watch::Receiver<Stage>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limits = &transport.limits;
    let address = peer.address;
    let calls = Arc::new(Calls::default());
    let counted = Arc::clone(&calls);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let call = counted.begin();
        request.extensions_mut().insert(peer.clone());
        let answer = service.clone().oneshot(request);
        async move {
            let _call = call;
            answer.await
        }
    });
    let age = transport.ages.next();
    let ended = match transport.protocol {
        Protocol::Http1 => {
            let connection =
                protocol::http1(limits).serve_connection(TokioIo::new(stream), service);
            live(pin!(connection), &calls, (age, limits.connection_age_grace), stage).await
        }
        Protocol::Http2 => {
            let (stream, spoken) = FirstBytes::of(stream);
            let connection =
                protocol::http2(limits).serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended_early(address, ended),
                () = spoken.notified() => {}
                () = sleep(limits.preface_timeout) => {
                    return tracing::debug!(peer = %address, "a connection never began to speak");
                }
                () = Stage::Draining.reached(&mut stage) => return,
            }
            live(connection, &calls, (age, limits.connection_age_grace), stage).await
        }
    };
    ended_early(address, ended);
}

fn ended_early<E: Error>(peer: SocketAddr, ended: Result<(), E>) {
    if let Err(error) = ended {
        // hyper says what failed, its source says why.
        let reason = error.source().map(ToString::to_string);
        tracing::debug!(%peer, %error, reason, "a connection ended early");
    }
}

/// Drives a connection until it ends by itself, or has answered what was under way when it came to
/// its age or the process to its end, or is out of time for that.
async fn live<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    calls: &Calls,
    (age, grace): (Option<Duration>, Duration),
    mut stage: watch::Receiver<Stage>,
) -> Result<(), C::Error> {
    let aged = async {
        match age {
            Some(age) => {
                sleep(age).await;
                calls.lull(age / PATIENCE).await;
            }
            None => std::future::pending().await,
        }
    };
    let draining = async {
        Stage::Draining.reached(&mut stage).await;
        calls.lull(Duration::ZERO).await;
    };
    // The connection first: what it makes of a call's first bytes is what a lull waits for.
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = aged => {}
        () = draining => {}
    }
    // No more calls from now on: GOAWAY on HTTP/2, `connection: close` on HTTP/1.1.
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = sleep(grace) => Ok(()),
        () = Stage::Cut.reached(&mut stage) => Ok(()),
    }
}
