//! One connection: TLS handshake, first bytes, age, end.

use std::{
    cell::RefCell,
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use futures_util::TryFutureExt as _;
use http::{Request, Response};
use hyper::{
    body::{Body, Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{sleep, timeout},
};
use tower::Service;

use super::{
    Peer, Protocol, Received, Stage,
    bodies::Sent,
    first_bytes::first_bytes,
    http1_pace::{LEEWAY, Pace},
    keep_alive::KeptAlive,
    life::{Life, live},
    lull::Calls,
    pending::Opened,
    policy::Policy,
    protocol,
    reads::admitted,
    stream::Stream,
    tls,
    when_woken::WhenWoken,
    writes::Watched,
};

/// Longest time in which a connection that is closed for its slowness may finish.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub(super) async fn connection<S, B>(
    stream: Stream,
    address: SocketAddr,
    service: S,
    policy: Arc<Policy>,
    mut stage: watch::Receiver<Stage>,
) where
    S: Service<Request<Received>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if let Err(error) = stream.without_delay() {
        tracing::debug!(%error, "a connection answers with delay");
    }
    let peer = Peer::at(address);
    let opened = policy.pending.open();
    let silence = silence(&policy);
    let spoken = async {
        let spoken = matches!(timeout(silence, stream.readable()).await, Ok(Ok(())));
        spoken && timeout(silence, opened.account().room()).await.is_ok()
    };
    tokio::select! {
        spoken = spoken => if !spoken {
            tracing::debug!(peer = %address, "a connection never began to speak");
            return;
        },
        () = opened.account().to_be_cut() => return,
        () = Stage::Draining.reached(&mut stage) => return,
    }
    // Boxed, so that a connection that says nothing takes next to nothing.
    Box::pin(speak(stream, peer, opened, service, policy, stage)).await;
}

/// Returns the longest silence of a peer at first.
fn silence(policy: &Policy) -> Duration {
    let limits = &policy.limits;
    match (&policy.tls, policy.protocol) {
        (Some(_), _) => limits.tls_handshake_timeout,
        // Clients open some before they have anything to ask.
        (None, Protocol::Http1) => limits.http_keepalive + LEEWAY,
        (None, Protocol::Http2 | Protocol::Either) => limits.preface_timeout,
    }
}

/// Serves a connection whose peer has begun to speak.
async fn speak<S, B>(
    stream: Stream,
    peer: Peer,
    opened: Opened,
    service: S,
    policy: Arc<Policy>,
    mut stage: watch::Receiver<Stage>,
) where
    S: Service<Request<Received>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let address = peer.address;
    let stream = admitted(stream, opened.account());
    let Some(tls) = &policy.tls else {
        return serve(stream, peer, opened, service, &policy, stage).await;
    };
    let accepting = tls.accept(stream, policy.protocol);
    let accepted = tokio::select! {
        accepted = timeout(policy.limits.tls_handshake_timeout, accepting) => accepted,
        () = Stage::Draining.reached(&mut stage) => return,
    };
    match accepted {
        Ok(Ok((stream, certificate))) => {
            let peer = Peer { certificate, ..peer };
            serve(stream, peer, opened, service, &policy, stage).await;
        }
        Ok(Err(error)) => not_shaken(&policy, address, &tls::reason(&error)),
        Err(_) => not_shaken(&policy, address, "it took too long"),
    }
}

/// The peer has had an alert at most; why is for us alone.
fn not_shaken(policy: &Policy, peer: SocketAddr, reason: &str) {
    if policy.refused.may_tell() {
        tracing::info!(%peer, reason, "a TLS handshake failed");
    }
}

/// Speaks the listener's protocol over `stream`.
async fn serve<T, S, B>(
    stream: T,
    peer: Peer,
    opened: Opened,
    service: S,
    policy: &Policy,
    mut stage: watch::Receiver<Stage>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Received>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limits = &policy.limits;
    let address = peer.address;
    let (stream, writes) = Watched::of(stream);
    let account = opened.account();
    let calls = Arc::new(Calls::default());
    let (counted, kept_for) = (Arc::clone(&calls), Arc::clone(account));
    let pace = Pace::begin();
    let kept_alive = KeptAlive::told(policy.protocol, limits, &pace, stage.clone());
    let (peer, service) = (Arc::new(peer), RefCell::new(service));
    let service = service_fn(move |request: Request<Incoming>| {
        let call = counted.begin();
        let keeping = kept_alive.as_ref().map(|kept| kept.request(&request));
        let (request, kept) = Received::counted(request, &kept_for, &peer);
        // No block of its own, which would have room for the call twice.
        called(&mut *service.borrow_mut(), request).map_ok(move |mut answer| {
            let _until_answered = call;
            if let Some(keeping) = keeping {
                keeping.tell(answer.headers_mut());
            }
            Sent::counted(answer, kept)
        })
    });
    let life = Life { limits, calls: &calls, account, writes: &writes, age: policy.ages.next() };
    let not_begun = || tracing::debug!(peer = %address, "a connection never began to speak");
    let ended = match policy.protocol {
        Protocol::Http1 => {
            let stream = TokioIo::new(pace.over(stream));
            let connection = protocol::http1(limits).serve_connection(stream, service);
            let mut connection = pin!(connection);
            tokio::select! {
                biased;
                ended = live(connection.as_mut(), &life, stage) => ended,
                () = WhenWoken::of(pace.too_slow(limits)) => {
                    connection.as_mut().graceful_shutdown();
                    timeout(LAST_BYTES, connection).await.unwrap_or(Ok(()))
                }
            }
        }
        Protocol::Http2 => {
            let (stream, spoken) = first_bytes(stream);
            let connection =
                protocol::http2(limits).serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended_early(address, ended.map_err(Into::into)),
                () = spoken.notified() => {}
                () = sleep(limits.preface_timeout) => return not_begun(),
                () = Stage::Draining.reached(&mut stage) => return,
            }
            live(connection, &life, stage).await
        }
        Protocol::Either => {
            let builder = protocol::either(limits);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            // hyper waits for ever for the bytes that distinguish the two, and HTTP/2 for a call.
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended_early(address, ended),
                () = calls.first() => {}
                () = sleep(limits.preface_timeout) => return not_begun(),
                () = life.given_up() => return,
                () = Stage::Draining.reached(&mut stage) => return,
            }
            return ended_early(address, live(connection, &life, stage).await);
        }
    };
    ended_early(address, ended.map_err(Into::into));
}

/// Calls a service that is a router, or layers around one, and so always ready.
fn called<S: Service<Request<Received>>>(service: &mut S, request: Request<Received>) -> S::Future {
    let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    debug_assert!(ready.is_ready(), "a router is always ready");
    service.call(request)
}

fn ended_early(peer: SocketAddr, ended: Result<(), Box<dyn Error + Send + Sync>>) {
    if let Err(error) = ended {
        // hyper says what failed, its source says why.
        let reason = error.source().map(ToString::to_string);
        tracing::debug!(%peer, %error, reason, "a connection ended early");
    }
}
