//! Senders of requests: the caller of an RPC that reads, the client of one that makes or ends
//! tokens.

use std::mem::take;

use tonic::Request;

use super::{
    convert,
    credentials::{from_metadata, from_request},
};
use crate::{
    domain::{error::Error, grant::Origin, secret::Secret},
    proto::v1,
    service::{Caller, InRequest, Ready},
    store::Store,
    transport::Peer,
};

/// A request that may hold its client's credentials itself.
pub(super) trait WithCredentials {
    /// Takes the fields of credentials out.
    fn take_credentials(&mut self) -> InRequest;
}

/// Implements the trait for messages with the four fields.
macro_rules! with_credentials {
    ($($message:ty),*) => {$(
        impl WithCredentials for $message {
            fn take_credentials(&mut self) -> InRequest {
                let given = |text: String| (!text.is_empty()).then_some(text);
                InRequest {
                    client_id: given(take(&mut self.client_id)),
                    client_secret: given(take(&mut self.client_secret)).map(Secret::from),
                    assertion_type: given(take(&mut self.client_assertion_type)),
                    assertion: given(take(&mut self.client_assertion)).map(Secret::from),
                }
            }
        }
    )*};
}

with_credentials!(v1::IssueTokenRequest, v1::RefreshTokenRequest, v1::RevokeTokenRequest);

/// The client, what it asks, and where from.
///
/// # Errors
/// As [`from_request`] and [`Authentication::authenticate_client`](crate::service::Authentication).
pub(super) async fn client<S: Store, T: WithCredentials>(
    ready: &Ready<S>,
    request: Request<T>,
) -> Result<(Caller, T, Origin), Error> {
    let service = ready.get()?;
    let origin = convert::origin(&request);
    let (metadata, extensions, mut body) = request.into_parts();
    let credentials = from_request(&metadata, &extensions, body.take_credentials())?;
    let caller = service.authentication.audited_client(&credentials, || origin.clone()).await?;
    Ok((caller.over(Peer::certificate_of(&extensions)), body, origin))
}

/// The caller of an RPC whose requests have no fields for credentials.
///
/// # Errors
/// As [`from_metadata`] and [`Authentication::authenticate_caller`](crate::service::Authentication).
pub(super) async fn caller<S: Store, T: Sync>(
    ready: &Ready<S>,
    request: &Request<T>,
) -> Result<Caller, Error> {
    let credentials = from_metadata(request.metadata(), request.extensions())?;
    ready.get()?.authentication.audited_caller(&credentials, || convert::origin(request)).await
}
