//! The token service with deadlines, credentials, safe retries and typed errors.

use futures_util::FutureExt as _;
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use super::{
    Basic, Error, Limits, OwnToken,
    retry::{Repeat, Retry},
};
use crate::proto::v1::{
    BatchIntrospectRequest, BatchIntrospectResponse, GetRevocationCursorRequest,
    GetRevocationCursorResponse, IntrospectRequest, IntrospectResponse, IssueTokenRequest,
    IssueTokenResponse, RefreshTokenRequest, RefreshTokenResponse, RevokeTokenRequest,
    WatchRevocationsRequest, WatchRevocationsResponse, token_service_client::TokenServiceClient,
};

type Stub = TokenServiceClient<Channel>;

/// By what the server knows who calls.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// By nothing that this client adds: the fields of the request or the connection's certificate
    /// say it.
    Unadded,
    /// By a client's id and secret, sent as metadata of each call.
    Basic(Basic),
    /// By a client's own access token. Good for the calls that take one: `introspect`,
    /// `batch_introspect`, `watch_revocations` and `get_revocation_cursor`.
    Bearer(OwnToken),
}

impl OwnToken {
    /// The own token of the client that `client` calls as, by its id and secret or its certificate.
    pub fn new(client: TokenClient) -> Self {
        Self::issued_by(Box::new(move |request| {
            let client = client.clone();
            async move { client.issue_token(request).await }.boxed()
        }))
    }
}

/// One caller of `jeton.v1.TokenService`. Clones share the connection and the budget of retries.
///
/// A method is named after its RPC and takes the RPC's request. Those that are idempotent are sent
/// again when the server or the way to it fails, until [`Limits::deadline`].
#[derive(Clone, Debug)]
pub struct TokenClient {
    stub: Stub,
    credentials: Credentials,
    retry: Retry,
}

impl TokenClient {
    /// A caller over `channel`, which [`endpoint`](super::endpoint) helps to make.
    pub fn new(channel: Channel, credentials: Credentials) -> Self {
        let stub = TokenServiceClient::new(channel);
        Self { stub, credentials, retry: Retry::new(Limits::default()) }
    }

    /// The same within other limits, and with a budget of retries of its own.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { retry: Retry::new(limits), ..self }
    }

    /// Issues the first tokens of a new grant. Is sent again only if it has a `request_id`, without
    /// which each attempt might make a grant of its own.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::CursorOutOfRange`].
    pub async fn issue_token(
        &self,
        request: IssueTokenRequest,
    ) -> Result<IssueTokenResponse, Error> {
        let repeat = if request.request_id.is_empty() { Repeat::Never } else { Repeat::Safely };
        self.call(
            repeat,
            request,
            |mut stub, request| async move { stub.issue_token(request).await },
        )
        .await
    }

    /// Exchanges a refresh token for the next pair. Is sent again with the same scopes, which gives
    /// the same pair within the server's retry window. Where the server has none, an attempt whose
    /// answer got lost costs the grant, sent again or not.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::CursorOutOfRange`].
    pub async fn refresh_token(
        &self,
        request: RefreshTokenRequest,
    ) -> Result<RefreshTokenResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.refresh_token(request).await
        })
        .await
    }

    /// Ends a grant, or access tokens alone. After any error the token must be taken to be alive
    /// (RFC 7009 §2.2.1).
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::CursorOutOfRange`].
    pub async fn revoke_token(&self, request: RevokeTokenRequest) -> Result<(), Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.revoke_token(request).await
        })
        .await
        .map(drop)
    }

    /// Tells whether a token is good. A [`Validator`](super::Validator) does so from memory.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Grant`] and [`Error::CursorOutOfRange`]. That the token is not
    /// good is none.
    pub async fn introspect(
        &self,
        request: IntrospectRequest,
    ) -> Result<IntrospectResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.introspect(request).await
        })
        .await
    }

    /// Tells whether each of up to 1,000 access tokens is good.
    ///
    /// # Errors
    /// As [`Self::introspect`].
    pub async fn batch_introspect(
        &self,
        request: BatchIntrospectRequest,
    ) -> Result<BatchIntrospectResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.batch_introspect(request).await
        })
        .await
    }

    /// Opens the feed of revocations; what comes, comes from the stream. Is not resumed by itself:
    /// a [`Validator`](super::Validator) does that.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Grant`], also later, from the stream: `Error::from` its status.
    pub async fn watch_revocations(
        &self,
        request: WatchRevocationsRequest,
    ) -> Result<Streaming<WatchRevocationsResponse>, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.watch_revocations(request).await
        })
        .await
    }

    /// Tells the end of the feed of revocations.
    ///
    /// # Errors
    /// As [`Self::introspect`].
    pub async fn get_revocation_cursor(&self) -> Result<String, Error> {
        Ok(self.end_of_feed().await?.cursor)
    }

    /// As [`Self::get_revocation_cursor`], with the position as a number.
    pub(super) async fn end_of_feed(&self) -> Result<GetRevocationCursorResponse, Error> {
        self.call(Repeat::Safely, GetRevocationCursorRequest {}, |mut stub, request| async move {
            stub.get_revocation_cursor(request).await
        })
        .await
    }

    async fn call<M, T, F>(
        &self,
        repeat: Repeat,
        message: M,
        send: impl Fn(Stub, Request<M>) -> F,
    ) -> Result<T, Error>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let attempt = || self.attempt(&message, &send);
        let answer = self.retry.run(repeat, attempt).await;
        if let (Err(Error::Credentials(_)), Credentials::Bearer(_)) = (&answer, &self.credentials) {
            // The own token was ended, which says nothing of the next one.
            return self.retry.run(repeat, attempt).await;
        }
        answer
    }

    async fn attempt<M, T, F>(
        &self,
        message: &M,
        send: impl Fn(Stub, Request<M>) -> F,
    ) -> Result<T, Error>
    where
        M: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut request = Request::new(message.clone());
        let header = match &self.credentials {
            Credentials::Unadded => None,
            Credentials::Basic(basic) => Some(basic.header()),
            Credentials::Bearer(own) => Some(own.header().await?),
        };
        if let Some(header) = header.clone() {
            request.metadata_mut().insert("authorization", header);
        }
        let answer = send(self.stub.clone(), request).await.map(Response::into_inner);
        let answer = answer.map_err(Error::from);
        if let (Err(Error::Credentials(_)), Credentials::Bearer(own)) = (&answer, &self.credentials)
        {
            own.forget(header.as_ref());
        }
        answer
    }
}
