//! Sends a client's id and secret as metadata.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

use crate::domain::secret::Secret;

/// A client's id and secret in the form of RFC 6749 §2.3.1: both halves percent-encoded, then HTTP
/// Basic. Marked as sensitive, so that no log shows it.
#[derive(Clone, Debug)]
pub struct Basic(MetadataValue<Ascii>);

impl Basic {
    /// Encodes the credentials of one client.
    #[expect(clippy::missing_panics_doc, reason = "base64 is ASCII, which always parses")]
    pub fn new(client_id: &str, secret: &Secret) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encode(client_id), encode(secret.expose()));
        let header = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut value: MetadataValue<Ascii> = header.parse().expect("base64 is ASCII");
        value.set_sensitive(true);
        Self(value)
    }

    /// Returns the value of `authorization`.
    pub(super) fn header(&self) -> MetadataValue<Ascii> {
        self.0.clone()
    }
}

impl Interceptor for Basic {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.header());
        Ok(request)
    }
}

/// Creates a request with a client's credentials.
pub fn with_basic<T>(message: T, client_id: &str, secret: &Secret) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", Basic::new(client_id, secret).0);
    request
}
