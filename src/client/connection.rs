//! How to reach a server: an endpoint that notices when nobody is there any more.

use std::time::Duration;

use tonic::{
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint, Error},
};

use super::Basic;
use crate::proto::v1::admin_service_client::AdminServiceClient;

/// What a grant that is issued to it says of its issuer.
const USER_AGENT: &str = concat!("jeton/", env!("CARGO_PKG_VERSION"));
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, password hashing on a busy server included.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an administrator's call may take: ending a client's grants with one user is as many
/// writes as there are grants.
const ADMIN_CALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How often a silent connection is asked whether it is still there. With [`KEEPALIVE_TIMEOUT`] it
/// says how long a connection that was cut without a word keeps the next one from being made.
const KEEPALIVE: Duration = Duration::from_secs(2);
/// How long the answer to that may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// An endpoint for the server at `url`, such as `http://127.0.0.1:50051`, with the time limits that
/// this module's clients expect: 5 s to connect, 15 s a call, and a connection that was cut without
/// a word is given up within 4 s, used or not. Limits, TLS and more can be set on what is returned
/// before it connects.
///
/// # Errors
/// When `url` is none.
pub fn endpoint(url: impl Into<String>) -> Result<Endpoint, Error> {
    Ok(Endpoint::from_shared(url.into())?
        .user_agent(USER_AGENT)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

/// Connects to the server at `url`, such as `http://127.0.0.1:50051`.
///
/// # Errors
/// When `url` is none, or nothing answers there.
pub async fn connect(url: String) -> Result<Channel, Error> {
    endpoint(url)?.connect().await
}

/// Administers a server as one client.
pub type Admin = AdminServiceClient<InterceptedService<Channel, Basic>>;

/// Connects to a server to administer it with `credentials`, with time for long calls.
///
/// # Errors
/// When nothing answers there.
pub async fn administer(endpoint: Endpoint, credentials: Basic) -> Result<Admin, Error> {
    let channel = endpoint.timeout(ADMIN_CALL_TIMEOUT).connect().await?;
    Ok(AdminServiceClient::with_interceptor(channel, credentials))
}
