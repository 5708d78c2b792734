//! The token service with deadlines, credentials, safe retries and typed errors.

use futures_util::FutureExt as _;
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use super::{
    AssertionFile, Basic, Error, Limits, OwnToken,
    asserting::Asserting,
    exchange_grant::exchange_grant,
    own_token,
    retry::{Repeat, Retry},
};
use crate::proto::v1::{
    BatchIntrospectRequest, BatchIntrospectResponse, GetJwksRequest, GetJwksResponse,
    GetRevocationCursorRequest, GetRevocationCursorResponse, IntrospectRequest, IntrospectResponse,
    IssueTokenRequest, IssueTokenResponse, RefreshTokenRequest, RefreshTokenResponse,
    RevokeTokenRequest, WatchRevocationsRequest, WatchRevocationsResponse,
    token_service_client::TokenServiceClient,
};

type Stub = TokenServiceClient<Channel>;

/// A client's proof of identity.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// This client adds nothing: the fields of the request or the connection's certificate identify
    /// it.
    Unadded,
    /// A client's id and secret, sent as metadata of each call.
    Basic(Basic),
    /// An assertion of a trusted issuer, read for each attempt and sent in the fields of the request.
    /// Valid for the calls that have such fields: `issue_token`, `refresh_token` and `revoke_token`.
    Assertion(AssertionFile),
    /// A client's own access token. Valid for the calls that accept one: `introspect`,
    /// `batch_introspect`, `watch_revocations` and `get_revocation_cursor`.
    Bearer(OwnToken),
}

impl OwnToken {
    /// Creates the own token of the client that `client` calls as, by its id and secret, its
    /// certificate or its assertion.
    pub fn new(client: TokenClient) -> Self {
        Self::of_client(client, "")
    }

    /// As [`Self::new`], with the id of the client: of several that list the certificate or the
    /// identity of the assertion, it is that one.
    pub fn of_client(client: TokenClient, client_id: impl Into<String>) -> Self {
        let client_id = client_id.into();
        Self::issued_by(Box::new(move |request| {
            let (client, client_id) = (client.clone(), client_id.clone());
            let request = IssueTokenRequest { client_id, ..request };
            async move { client.issue_token(request).await }.boxed()
        }))
    }
}

/// A client of `jeton.v1.TokenService`. Clones share the connection and the budget of retries.
///
/// Each method has the name of its RPC and takes the RPC's request. Idempotent calls are sent again
/// if the server or the network fails, until [`Limits::deadline`].
#[derive(Clone, Debug)]
pub struct TokenClient {
    stub: Stub,
    credentials: Credentials,
    retry: Retry,
}

impl TokenClient {
    /// Creates a client over `channel`, which [`endpoint`](super::endpoint) helps to open.
    pub fn new(channel: Channel, credentials: Credentials) -> Self {
        let stub = TokenServiceClient::new(channel);
        Self { stub, credentials, retry: Retry::new(Limits::default()) }
    }

    /// Sets other limits, with a separate budget of retries.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { retry: Retry::new(limits), ..self }
    }

    /// Issues the first tokens of a new grant. Sent again only if it has a `request_id`: without
    /// one each attempt could create another grant.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::CursorOutOfRange`].
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

    /// Exchanges `subject_token`, an access token of a user that this client was shown, for one with which it
    /// calls the services of `audience` (RFC 8693). Empty lists stand for all that the client may have. An
    /// [`Exchanger`](super::Exchanger) keeps the tokens.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::CursorOutOfRange`]; a subject token that is no good is
    /// [`Error::Request`].
    pub async fn exchange(
        &self,
        subject_token: &str,
        audience: Vec<String>,
        scopes: Vec<String>,
    ) -> Result<IssueTokenResponse, Error> {
        let (grant, request_id) = (Some(exchange_grant(subject_token)), own_token::request_id());
        let request =
            IssueTokenRequest { grant, audience, scopes, request_id, ..Default::default() };
        self.issue_token(request).await
    }

    /// Exchanges a refresh token for the next pair. Sent again with the same scopes, which returns
    /// the same pair within the server's retry window. If the server has no retry window, an
    /// attempt with a lost answer costs the grant, with or without a retry.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::CursorOutOfRange`].
    pub async fn refresh_token(
        &self,
        request: RefreshTokenRequest,
    ) -> Result<RefreshTokenResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.refresh_token(request).await
        })
        .await
    }

    /// Ends a grant, or only its access tokens. After any error assume that the token is still
    /// valid (RFC 7009 §2.2.1).
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::CursorOutOfRange`].
    pub async fn revoke_token(&self, request: RevokeTokenRequest) -> Result<(), Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.revoke_token(request).await
        })
        .await
        .map(drop)
    }

    /// Asks the server for the state of a token. A [`Validator`](super::Validator) answers from
    /// memory.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::Grant`] and [`Error::CursorOutOfRange`]. An inactive
    /// token is not an error.
    pub async fn introspect(
        &self,
        request: IntrospectRequest,
    ) -> Result<IntrospectResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.introspect(request).await
        })
        .await
    }

    /// Asks the server for the states of up to 1,000 access tokens.
    ///
    /// # Errors
    /// Fails as [`Self::introspect`] does.
    pub async fn batch_introspect(
        &self,
        request: BatchIntrospectRequest,
    ) -> Result<BatchIntrospectResponse, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.batch_introspect(request).await
        })
        .await
    }

    /// Opens the feed of revocations and returns its stream. A broken stream is not resumed: a
    /// [`Validator`](super::Validator) does that.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::Grant`]. The stream can fail later: convert its status
    /// with `Error::from`.
    pub async fn watch_revocations(
        &self,
        request: WatchRevocationsRequest,
    ) -> Result<Streaming<WatchRevocationsResponse>, Error> {
        self.call(Repeat::Safely, request, |mut stub, request| async move {
            stub.watch_revocations(request).await
        })
        .await
    }

    /// Returns the end of the feed of revocations.
    ///
    /// # Errors
    /// Fails as [`Self::introspect`] does.
    pub async fn get_revocation_cursor(&self) -> Result<String, Error> {
        Ok(self.end_of_feed().await?.cursor)
    }

    /// Returns the same as [`Self::get_revocation_cursor`], with the position as a number.
    pub(super) async fn end_of_feed(&self) -> Result<GetRevocationCursorResponse, Error> {
        self.call(Repeat::Safely, GetRevocationCursorRequest {}, |mut stub, request| async move {
            stub.get_revocation_cursor(request).await
        })
        .await
    }

    /// Returns the public keys of signed access tokens.
    ///
    /// # Errors
    /// Returns any [`Error`] except [`Error::Grant`] and [`Error::CursorOutOfRange`].
    pub async fn get_jwks(&self) -> Result<GetJwksResponse, Error> {
        self.call(Repeat::Safely, GetJwksRequest {}, |mut stub, request| async move {
            stub.get_jwks(request).await
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
        M: Asserting,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let attempt = || self.attempt(&message, &send);
        let answer = self.retry.run(repeat, attempt).await;
        if let (Err(Error::Credentials(_)), Credentials::Bearer(_)) = (&answer, &self.credentials) {
            // The own token was ended. The next one can still be accepted.
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
        M: Asserting,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut message = message.clone();
        let header = match &self.credentials {
            Credentials::Unadded => None,
            Credentials::Basic(basic) => Some(basic.header()),
            Credentials::Assertion(file) => {
                message.assert(&file.read().await?);
                None
            }
            Credentials::Bearer(own) => Some(own.header().await?),
        };
        let mut request = Request::new(message);
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
