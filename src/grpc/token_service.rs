//! The RPCs of `TokenService`: each decodes, authenticates, calls, encodes.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{
    caller::{caller, client},
    convert,
    credentials::from_metadata,
    refusal::Refusal,
    status, watch,
};
use crate::{
    domain::error::Error,
    proto::v1::{self, token_service_server::TokenService},
    service::{Jwks, Ready, Watch},
    store::Store,
};

/// [`Introspections`](super::introspection::Introspections) stands before this service.
const ELSEWHERE: &str = "introspection is answered elsewhere";

/// `TokenService` over a [`Service`](crate::service::Service).
pub(super) struct Tokens<S> {
    service: Ready<S>,
}

impl<S: Store> Tokens<S> {
    pub(super) const fn new(service: Ready<S>) -> Self {
        Self { service }
    }

    async fn issue(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Result<v1::IssueTokenResponse, Refusal> {
        let (caller, body, origin) = client(&self.service, request).await?;
        let issued = self.service.get()?.tokens.issue(&caller, convert::issue(body, origin)?).await;
        let tokens = issued.map_err(Refusal::to(&caller))?;
        Ok(convert::issued(&tokens))
    }

    async fn refresh(
        &self,
        request: Request<v1::RefreshTokenRequest>,
    ) -> Result<v1::RefreshTokenResponse, Refusal> {
        let (caller, body, origin) = client(&self.service, request).await?;
        let asked = convert::refresh(body, origin)?;
        let refreshed = self.service.get()?.tokens.refresh(&caller, &asked).await;
        let tokens = refreshed.map_err(Refusal::to(&caller))?;
        Ok(convert::refreshed(&tokens))
    }

    async fn revoke(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<v1::RevokeTokenResponse, Refusal> {
        let (caller, body, origin) = client(&self.service, request).await?;
        let asked = convert::revoke(body, origin)?;
        let revoked = self.service.get()?.tokens.revoke(&caller, &asked).await;
        Ok(convert::revoked(revoked.map_err(Refusal::to(&caller))?))
    }

    async fn watch(&self, request: Request<v1::WatchRevocationsRequest>) -> Result<Watch, Error> {
        let caller = caller(&self.service, &request).await?;
        let credentials = from_metadata(request.metadata(), request.extensions())?;
        let from = watch::from(&request.into_inner())?;
        self.service.get()?.revocations.watch_revocations(&caller, credentials, from).await
    }

    async fn revocation_cursor(
        &self,
        request: Request<v1::GetRevocationCursorRequest>,
    ) -> Result<v1::GetRevocationCursorResponse, Error> {
        let caller = caller(&self.service, &request).await?;
        let cursor = self.service.get()?.revocations.revocation_cursor(&caller).await?;
        let feed_position = cursor.position().0;
        Ok(v1::GetRevocationCursorResponse { cursor: cursor.to_text(), feed_position })
    }

    /// Returns the public keys, which need no caller.
    fn jwks(&self) -> Result<v1::GetJwksResponse, Error> {
        let service = self.service.get()?;
        let Jwks { text, max_age } = service.signing_keys().jwks(service.now())?;
        Ok(v1::GetJwksResponse { jwks: text, max_age: Some(convert::duration(max_age)) })
    }
}

fn answer<T>(outcome: Result<T, impl Into<Refusal>>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(|error| error.into().status())
}

#[tonic::async_trait]
impl<S: Store> TokenService for Tokens<S> {
    type WatchRevocationsStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchRevocationsResponse, Status>> + Send>>;

    async fn issue_token(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Result<Response<v1::IssueTokenResponse>, Status> {
        answer(self.issue(request).await)
    }

    async fn refresh_token(
        &self,
        request: Request<v1::RefreshTokenRequest>,
    ) -> Result<Response<v1::RefreshTokenResponse>, Status> {
        answer(self.refresh(request).await)
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        answer(self.revoke(request).await)
    }

    async fn introspect(
        &self,
        _: Request<v1::IntrospectRequest>,
    ) -> Result<Response<v1::IntrospectResponse>, Status> {
        Err(Status::unimplemented(ELSEWHERE))
    }

    async fn batch_introspect(
        &self,
        _: Request<v1::BatchIntrospectRequest>,
    ) -> Result<Response<v1::BatchIntrospectResponse>, Status> {
        Err(Status::unimplemented(ELSEWHERE))
    }

    async fn watch_revocations(
        &self,
        request: Request<v1::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        let watch = self.watch(request).await.map_err(|error| status::status(&error))?;
        let responses = watch::responses(self.service.clone(), watch);
        Ok(Response::new(Box::pin(responses)))
    }

    async fn get_revocation_cursor(
        &self,
        request: Request<v1::GetRevocationCursorRequest>,
    ) -> Result<Response<v1::GetRevocationCursorResponse>, Status> {
        answer(self.revocation_cursor(request).await)
    }

    async fn get_jwks(
        &self,
        _: Request<v1::GetJwksRequest>,
    ) -> Result<Response<v1::GetJwksResponse>, Status> {
        answer(self.jwks())
    }
}
