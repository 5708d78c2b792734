//! A client of a running server: a connection with deadlines, and the caller's credentials.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint, Error},
};

use crate::domain::secret::Secret;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, password hashing on a busy server included.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Connects to the server at `url`, such as `http://127.0.0.1:50051`.
///
/// # Errors
/// When `url` is none, or nothing answers there.
pub async fn connect(url: String) -> Result<Channel, Error> {
    Endpoint::from_shared(url)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .connect()
        .await
}

/// A request that carries a client's id and secret as RFC 6749 §2.3.1 has them: both halves
/// percent-encoded, then HTTP Basic. Marked so that no log shows it.
pub fn with_basic<T>(message: T, client_id: &str, secret: &Secret) -> Request<T> {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pair = format!("{}:{}", encode(client_id), encode(secret.expose()));
    let header = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut request = Request::new(message);
    // Base64 is ASCII: it always makes a value.
    if let Ok(mut value) = header.parse::<MetadataValue<Ascii>>() {
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
    }
    request
}
