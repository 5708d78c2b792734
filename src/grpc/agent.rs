//! An agent's services: the calls that introspect, and Envoy's, from its memory.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::header::AUTHORIZATION;
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::{
    batch_request::MAX_BATCH,
    convert,
    envoy::{Asked, EnvoyDoor, asked, authorizations},
    status::{details, status},
};
use crate::{
    bearer::{
        AncestorGrant, Bearer, Claims, Doorkeeper, Introspector, NotGood, NotPassed,
        certificate_text,
    },
    domain::{
        audience::Audience, cause::Cause, error::Error, reason::Reason, scopes::Scopes,
        token::TokenKind,
    },
    proto::{
        envoy::service::auth::v3::CheckRequest,
        v1::{self, issue_token_request::Grant, token_service_server::TokenService},
    },
};

/// Answer to calls that only a server serves.
const ELSEWHERE: &str =
    "an agent introspects access tokens and answers Envoy's Check: ask the server";
/// Questions of one batch that are under way at a time.
const MOST_TOGETHER: usize = 64;

/// A source of access tokens of the agent's own client.
pub trait OwnTokens {
    /// A token as it was issued.
    type Issued: Into<v1::IssueTokenResponse>;

    /// Returns a token for `audience` and `scopes`; without either the client's registration decides.
    ///
    /// # Errors
    /// See [`NotIssued`].
    fn own_token(
        &self,
        audience: Audience,
        scopes: Scopes,
    ) -> impl Future<Output = Result<Self::Issued, NotIssued>> + Send;
}

/// The reason for a missing token.
#[derive(Debug)]
pub enum NotIssued {
    /// This agent issues none.
    Off,
    /// The server refused the audience or the scopes, or wants a pause, in these words.
    Refused(Status),
    /// Too many kinds of tokens were new: wait.
    TooMany {
        /// Time until the next may be.
        retry_after: Duration,
    },
    /// The server is out of reach, or refuses the agent itself.
    Unavailable,
}

/// The services of an agent over what it knows. Everybody who may connect may ask.
pub(super) struct AgentServices<K>(pub(super) Arc<K>);

impl<K> AgentServices<K> {
    pub(super) const fn new(known: Arc<K>) -> Self {
        Self(known)
    }
}

impl<K> Clone for AgentServices<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Doorkeeper> EnvoyDoor for AgentServices<K> {
    async fn decide(
        &self,
        call: Request<CheckRequest>,
    ) -> Result<Result<Bearer, NotPassed>, Error> {
        let Asked { route, http, certificate } = asked(call.into_inner());
        let visitor = || certificate_text::read(&certificate);
        Ok(self.0.decide(&route, authorizations(&http), visitor).await)
    }
}

impl<K: Introspector> AgentServices<K> {
    async fn look_up(&self, token: &str) -> Result<v1::IntrospectResponse, Error> {
        match self.0.claims(token).await {
            Ok(claims) => Ok(active(Arc::unwrap_or_clone(claims))),
            Err(NotGood::Inactive) => Ok(v1::IntrospectResponse::default()),
            Err(NotGood::Unknown { retry_after }) => Err(Error::Unavailable { retry_after }),
        }
    }

    async fn look_up_all(&self, tokens: Vec<String>) -> Result<v1::BatchIntrospectResponse, Error> {
        if tokens.len() > MAX_BATCH {
            let problem = "must be at most 1,000";
            return Err(Error::InvalidRequest { field: "tokens", problem });
        }
        let answers = tokens.into_iter().map(async |token| self.look_up(&token).await);
        let answers = stream::iter(answers);
        let answers: Vec<_> = answers.buffered(MOST_TOGETHER).collect().await;
        let results = answers.into_iter().collect::<Result<_, _>>()?;
        Ok(v1::BatchIntrospectResponse { results })
    }
}

/// Returns a request for a token of the agent's client: by client credentials that are the agent's, and with
/// nothing but audience and scopes. A repeated request gets the same token, with any `request_id`.
fn narrowed(request: v1::IssueTokenRequest) -> Option<v1::IssueTokenRequest> {
    let plain = v1::IssueTokenRequest {
        grant: Some(Grant::ClientCredentials(v1::ClientCredentialsGrant {})),
        audience: request.audience.clone(),
        scopes: request.scopes.clone(),
        request_id: request.request_id.clone(),
        ..v1::IssueTokenRequest::default()
    };
    (request == plain).then_some(request)
}

fn elsewhere() -> Status {
    let details = details(Reason::InvalidRequest);
    Status::with_error_details(Code::Unimplemented, ELSEWHERE, details)
}

/// Without a `cache_ttl`: what an agent says is good at that moment, and its feed is its own.
fn active(claims: Claims) -> v1::IntrospectResponse {
    v1::IntrospectResponse {
        active: true,
        kind: v1::TokenKind::Access.into(),
        client_id: claims.client_id,
        subject: claims.subject,
        username: claims.username.unwrap_or_default(),
        scopes: claims.scopes,
        audience: claims.audience,
        issue_time: claims.issue_time.map(Into::into),
        expire_time: claims.expire_time.map(Into::into),
        grant_id: claims.grant_id,
        attributes: claims.attributes,
        ancestors: claims.ancestors.into_iter().map(ancestor).collect(),
        actors: claims.actors,
        cnf: claims.confirmation.as_ref().map(convert::confirmation),
        ..v1::IntrospectResponse::default()
    }
}

fn ancestor(AncestorGrant { grant_id, client_id }: AncestorGrant) -> v1::AncestorGrant {
    v1::AncestorGrant { grant_id, client_id }
}

#[tonic::async_trait]
impl<K: Introspector + OwnTokens + Send + Sync + 'static> TokenService for AgentServices<K> {
    async fn introspect(
        &self,
        request: Request<v1::IntrospectRequest>,
    ) -> Result<Response<v1::IntrospectResponse>, Status> {
        let asked = convert::introspect(request.into_inner()).map_err(|error| status(&error))?;
        if asked.expected_kind == TokenKind::Refresh {
            return Err(elsewhere());
        }
        let answer = self.look_up(asked.token.expose()).await;
        answer.map(Response::new).map_err(|error| status(&error))
    }

    async fn batch_introspect(
        &self,
        request: Request<v1::BatchIntrospectRequest>,
    ) -> Result<Response<v1::BatchIntrospectResponse>, Status> {
        let answer = self.look_up_all(request.into_inner().tokens).await;
        answer.map(Response::new).map_err(|error| status(&error))
    }

    async fn issue_token(
        &self,
        request: Request<v1::IssueTokenRequest>,
    ) -> Result<Response<v1::IssueTokenResponse>, Status> {
        let authorized = request.metadata().contains_key(AUTHORIZATION.as_str());
        let Some(asked) = narrowed(request.into_inner()).filter(|_| !authorized) else {
            return Err(elsewhere());
        };
        let audience = convert::audience(&asked.audience).map_err(|error| status(&error))?;
        let scopes = convert::scopes(&asked.scopes).map_err(|error| status(&error))?;
        // With such a token the service could ask the server as the agent does.
        if audience.names_jeton() {
            return Err(status(&Error::InvalidTarget));
        }
        let issued = self.0.own_token(audience, scopes).await;
        issued.map(|issued| Response::new(issued.into())).map_err(|not_issued| match not_issued {
            NotIssued::Off => elsewhere(),
            NotIssued::Refused(refusal) => refusal,
            NotIssued::TooMany { retry_after } => {
                status(&Error::RateLimited { cause: Cause::Requests, retry_after })
            }
            NotIssued::Unavailable => status(&Error::UNAVAILABLE),
        })
    }

    async fn refresh_token(
        &self,
        _: Request<v1::RefreshTokenRequest>,
    ) -> Result<Response<v1::RefreshTokenResponse>, Status> {
        Err(elsewhere())
    }

    async fn revoke_token(
        &self,
        _: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        Err(elsewhere())
    }

    type WatchRevocationsStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchRevocationsResponse, Status>> + Send>>;

    async fn watch_revocations(
        &self,
        _: Request<v1::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        Err(elsewhere())
    }

    async fn get_revocation_cursor(
        &self,
        _: Request<v1::GetRevocationCursorRequest>,
    ) -> Result<Response<v1::GetRevocationCursorResponse>, Status> {
        Err(elsewhere())
    }

    async fn get_jwks(
        &self,
        _: Request<v1::GetJwksRequest>,
    ) -> Result<Response<v1::GetJwksResponse>, Status> {
        Err(elsewhere())
    }
}
