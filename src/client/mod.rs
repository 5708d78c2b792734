//! A client of a running server: a connection with deadlines, and the caller's credentials.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Error},
};

use crate::{domain::secret::Secret, proto::v1::admin_service_client::AdminServiceClient};

/// What a grant that is issued to it says of its issuer.
const USER_AGENT: &str = concat!("jeton/", env!("CARGO_PKG_VERSION"));
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, password hashing on a busy server included.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an administrator's call may take: ending a client's grants with one user is as many
/// writes as there are grants.
const ADMIN_CALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Connects to the server at `url`, such as `http://127.0.0.1:50051`.
///
/// # Errors
/// When `url` is none, or nothing answers there.
pub async fn connect(url: String) -> Result<Channel, Error> {
    endpoint(url)?.connect().await
}

/// An endpoint for the server at `url`: 5 s to connect, 15 s a call. TLS and more can be set on it
/// before it connects.
///
/// # Errors
/// When `url` is none.
pub fn endpoint(url: impl Into<String>) -> Result<Endpoint, Error> {
    Ok(Endpoint::from_shared(url.into())?
        .user_agent(USER_AGENT)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT))
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

/// A client's id and secret as RFC 6749 §2.3.1 has them: both halves percent-encoded, then HTTP
/// Basic. Marked so that no log shows it.
#[derive(Clone, Debug)]
pub struct Basic(MetadataValue<Ascii>);

impl Basic {
    /// Those of one client.
    #[expect(clippy::missing_panics_doc, reason = "base64 is ASCII, which always parses")]
    pub fn new(client_id: &str, secret: &Secret) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encode(client_id), encode(secret.expose()));
        let header = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut value: MetadataValue<Ascii> = header.parse().expect("base64 is ASCII");
        value.set_sensitive(true);
        Self(value)
    }
}

impl Interceptor for Basic {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A request that carries a client's credentials.
pub fn with_basic<T>(message: T, client_id: &str, secret: &Secret) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", Basic::new(client_id, secret).0);
    request
}
