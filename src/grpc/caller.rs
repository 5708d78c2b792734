//! Senders of requests: the caller of an RPC that reads, the client of one that makes or ends
//! tokens.

use std::mem::take;

use tonic::Request;

use super::{
    convert,
    credentials::{from_metadata, from_request},
};
use crate::{
    domain::{error::Error, grant::Origin},
    proto::v1,
    service::{Caller, Ready},
    store::Store,
};

/// A request that may hold its client's credentials itself.
pub(super) trait WithCredentials {
    /// Takes `client_id` and `client_secret` out; empty where they were left out.
    fn take_credentials(&mut self) -> (String, String);
}

impl WithCredentials for v1::IssueTokenRequest {
    fn take_credentials(&mut self) -> (String, String) {
        (take(&mut self.client_id), take(&mut self.client_secret))
    }
}

impl WithCredentials for v1::RefreshTokenRequest {
    fn take_credentials(&mut self) -> (String, String) {
        (take(&mut self.client_id), take(&mut self.client_secret))
    }
}

impl WithCredentials for v1::RevokeTokenRequest {
    fn take_credentials(&mut self) -> (String, String) {
        (take(&mut self.client_id), take(&mut self.client_secret))
    }
}

/// The client, what it asks, and where from.
///
/// # Errors
/// As [`from_request`] and [`Service::authenticate_client`](crate::service::Service).
pub(super) async fn client<S: Store, T: WithCredentials>(
    ready: &Ready<S>,
    request: Request<T>,
) -> Result<(Caller, T, Origin), Error> {
    let service = ready.get()?;
    let origin = convert::origin(&request);
    let (metadata, extensions, mut body) = request.into_parts();
    let (id, secret) = body.take_credentials();
    let credentials = from_request(&metadata, &extensions, id, secret)?;
    let caller = service.audited_client(&credentials, || origin.clone()).await?;
    Ok((caller, body, origin))
}

/// The caller of an RPC whose requests have no fields for credentials.
///
/// # Errors
/// As [`from_metadata`] and [`Service::authenticate_caller`](crate::service::Service).
pub(super) async fn caller<S: Store, T: Sync>(
    ready: &Ready<S>,
    request: &Request<T>,
) -> Result<Caller, Error> {
    let credentials = from_metadata(request.metadata(), request.extensions())?;
    ready.get()?.audited_caller(&credentials, || convert::origin(request)).await
}
