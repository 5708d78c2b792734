//! The `authorization` of each call: a client's id and secret, or its access token.

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
};

use zeroize::Zeroizing;

use super::{Basic, IssuedToken};
use crate::domain::secret::Secret;

/// Value of `authorization`, marked as sensitive, so that no log shows it.
#[derive(Clone, Debug)]
pub struct Authorization(MetadataValue<Ascii>);

impl From<Basic> for Authorization {
    fn from(basic: Basic) -> Self {
        Self(basic.header())
    }
}

/// RFC 6750 §2.1.
impl From<&IssuedToken> for Authorization {
    fn from(token: &IssuedToken) -> Self {
        Self(token.header())
    }
}

impl Authorization {
    /// An access token (RFC 6750 §2.1).
    ///
    /// # Errors
    /// Fails for text that no token is: one with control characters, or outside ASCII.
    pub fn bearer(token: &Secret) -> Result<Self, Status> {
        let header = Zeroizing::new(format!("Bearer {}", token.expose()));
        let no_token = || Status::invalid_argument("the access token is no token");
        let mut value: MetadataValue<Ascii> = header.parse().map_err(|_| no_token())?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Creates a request with it.
    pub fn on<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.0.clone());
        request
    }
}

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
