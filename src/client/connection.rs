//! Endpoints that detect a lost server without more pings than servers allow.

use std::time::Duration;

use tonic::{
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint, Error},
};

use super::Authorization;
use crate::proto::v1::admin_service_client::AdminServiceClient;

/// User agent of each call, which the server notes with the grants that it issues.
const USER_AGENT: &str = concat!("jeton/", env!("CARGO_PKG_VERSION"));
/// Maximum time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time of a call, including password hashing on a busy server.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum time of an administrative call: ending a client's grants takes one write for each grant.
const ADMIN_CALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Time without a byte from the server after which a connection with a call under way is probed by
/// an HTTP/2 ping. gRPC servers close a connection at the third ping within five minutes if they
/// sent nothing in between: an unanswered call of [`CALL_TIMEOUT`] sends only one.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Ping interval of administrative calls, which can be silent for longer than two pings are apart.
const ADMIN_PING_INTERVAL: Duration = Duration::from_secs(5 * 60 + 10);
/// Maximum time for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Time without traffic after which TCP probes a connection, and the time between two probes. The
/// server does not see these probes.
const TCP_KEEPALIVE: Duration = Duration::from_secs(2);
/// Number of unanswered probes after which TCP closes the connection.
const TCP_KEEPALIVE_RETRIES: u32 = 2;

/// Returns an endpoint for the server at `url`, such as `http://127.0.0.1:50051`, with the time
/// limits that this module's clients expect: 5 s to connect and 15 s a call. A connection that was
/// cut silently is closed within 6 s if it is idle, and within 12 s if a call is under way. Limits,
/// TLS and more can be set on the endpoint before it connects.
///
/// # Errors
/// If `url` is not a URL.
pub fn endpoint(url: impl Into<String>) -> Result<Endpoint, Error> {
    Ok(Endpoint::from_shared(url.into())?
        .user_agent(USER_AGENT)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(false)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .tcp_keepalive_interval(Some(TCP_KEEPALIVE))
        .tcp_keepalive_retries(Some(TCP_KEEPALIVE_RETRIES)))
}

/// Connects to the server at `url`, such as `http://127.0.0.1:50051`.
///
/// # Errors
/// Fails if `url` is invalid or no server answers there.
pub async fn connect(url: String) -> Result<Channel, Error> {
    endpoint(url)?.connect().await
}

/// A client of the administrative API with the credentials of one client.
pub type Admin = AdminServiceClient<InterceptedService<Channel, Authorization>>;

/// Connects to a server to administer it with `credentials`. Its calls have longer time limits.
///
/// # Errors
/// Fails if no server answers.
pub async fn administer(
    endpoint: Endpoint,
    credentials: impl Into<Authorization>,
) -> Result<Admin, Error> {
    let endpoint =
        endpoint.timeout(ADMIN_CALL_TIMEOUT).http2_keep_alive_interval(ADMIN_PING_INTERVAL);
    let channel = endpoint.connect().await?;
    Ok(AdminServiceClient::with_interceptor(channel, credentials.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tower::service_fn;

    use super::*;
    use crate::proto::v1::{IntrospectRequest, token_service_client::TokenServiceClient};

    const PREFACE_BYTES: usize = 24;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const ACK: u8 = 1;

    /// Speaks enough HTTP/2 to keep a client going, answers no call, and counts pings.
    async fn serve_silently(mut stream: DuplexStream, pings: Arc<AtomicUsize>) {
        let mut preface = [0; PREFACE_BYTES];
        stream.read_exact(&mut preface).await.expect("the preface");
        stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await.expect("a client");
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("a length")];
            stream.read_exact(&mut payload).await.expect("a payload");
            let answer = match head[3..5] {
                [SETTINGS, 0] => vec![0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0],
                [PING, 0] => {
                    pings.fetch_add(1, Ordering::Relaxed);
                    [&[0, 0, head[2], PING, ACK, 0, 0, 0, 0], &payload[..]].concat()
                }
                _ => continue,
            };
            stream.write_all(&answer).await.expect("a client");
        }
    }

    async fn connect_to(pings: &Arc<AtomicUsize>) -> Channel {
        let pings = Arc::clone(pings);
        let connector = service_fn(move |_| {
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve_silently(far, Arc::clone(&pings)));
            async { Ok::<_, std::io::Error>(TokioIo::new(near)) }
        });
        let endpoint = endpoint("http://server.example").expect("a URL");
        endpoint.connect_with_connector(connector).await.expect("a connection")
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_never_pinged() {
        let pings = Arc::default();
        let channel = connect_to(&pings).await;
        for _ in 0..60 {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        drop(channel);
        assert_eq!(pings.load(Ordering::Relaxed), 0);
    }

    /// gRPC servers answer the third ping in a row with `too_many_pings`.
    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_is_worth_one_ping() {
        let pings = Arc::default();
        let mut stub = TokenServiceClient::new(connect_to(&pings).await);
        let answer = stub.introspect(IntrospectRequest::default()).await;
        assert_eq!(answer.expect_err("no answer").code(), tonic::Code::Cancelled);
        assert_eq!(pings.load(Ordering::Relaxed), 1);
    }
}
