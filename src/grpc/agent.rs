//! An agent's services: the calls that introspect, and Envoy's, from its memory.

use std::{pin::Pin, sync::Arc};

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
        AncestorGrant, Bearer, Claims, Doorkeeper, Introspector, NotGood, NotPassed, Requirement,
        certificate_text,
    },
    domain::{
        audience::Audience, error::Error, reason::Reason, scopes::Scopes, secret::Secret,
        token::TokenKind,
    },
    proto::{
        envoy::service::auth::v3::CheckRequest,
        v1::{self, issue_token_request::Grant, token_service_server::TokenService},
    },
    service::{SubjectTokenKind, TokenExchange},
};

/// Answer to calls that only a server serves.
const ELSEWHERE: &str =
    "an agent introspects access tokens and answers Envoy's Check: ask the server";
/// Questions of one batch that are under way at a time.
const MOST_TOGETHER: usize = 64;

/// A source of access tokens that the agent's client gets.
pub trait AgentTokens {
    /// A token as it was issued.
    type Issued: Into<v1::IssueTokenResponse>;

    /// Returns a token of the client's own for `audience` and `scopes`; without either the client's registration
    /// decides.
    ///
    /// # Errors
    /// See [`NotIssued`].
    fn own_token(
        &self,
        audience: Audience,
        scopes: Scopes,
    ) -> impl Future<Output = Result<Self::Issued, NotIssued>> + Send;

    /// Returns a token with which the client acts for the user of `subject_token` (RFC 8693). Without an audience
    /// it is for all services that the agent may exchange to, without scopes for all that the client may have.
    ///
    /// # Errors
    /// See [`NotIssued`].
    fn exchanged_token(
        &self,
        subject_token: &Secret,
        audience: Audience,
        scopes: Scopes,
    ) -> impl Future<Output = Result<Self::Issued, NotIssued>> + Send;
}

/// The reason for a missing token.
#[derive(Debug)]
pub enum NotIssued {
    /// This agent issues none.
    Off,
    /// The server refused it, or wants a pause, in these words.
    Relayed(Status),
    /// The agent refuses it, or the server is out of reach.
    Refused(Error),
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
        let route = Requirement::of_route(&route);
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

/// A request for a token that an agent can answer.
struct AskedToken {
    /// The token of a user to exchange; without one a token of the client's own is asked for.
    subject_token: Option<Secret>,
    audience: Audience,
    scopes: Scopes,
}

impl AskedToken {
    /// Reads a request by the agent's own credentials, with nothing but audience and scopes beside the grant. A
    /// repeated request gets the same token, with any `request_id`.
    fn read(request: v1::IssueTokenRequest) -> Result<Self, Status> {
        let plain = v1::IssueTokenRequest {
            grant: request.grant.clone(),
            audience: request.audience.clone(),
            scopes: request.scopes.clone(),
            request_id: request.request_id.clone(),
            ..v1::IssueTokenRequest::default()
        };
        if request != plain {
            return Err(elsewhere());
        }
        let subject_token = match request.grant {
            Some(Grant::ClientCredentials(v1::ClientCredentialsGrant {})) => None,
            Some(Grant::TokenExchange(shown)) => Some(subject_token(shown)?),
            _ => return Err(elsewhere()),
        };
        let audience = convert::audience(&request.audience).map_err(|error| status(&error))?;
        let scopes = convert::scopes(&request.scopes).map_err(|error| status(&error))?;
        // With such a token the service could ask the server as the agent does.
        if audience.names_jeton() {
            return Err(status(&Error::InvalidTarget));
        }
        Ok(Self { subject_token, audience, scopes })
    }
}

/// Reads an exchange of an access token, without an actor token: the agent acts by its own credentials.
fn subject_token(shown: v1::TokenExchangeGrant) -> Result<Secret, Status> {
    let shown = convert::exchange(shown).try_into().map_err(|error| status(&error))?;
    let TokenExchange { subject_token, kind, actor_token } = shown;
    match (kind, actor_token) {
        (SubjectTokenKind::Id, _) | (_, Some(_)) => Err(elsewhere()),
        (SubjectTokenKind::Access, None) if subject_token.is_empty() => {
            Err(status(&Error::missing("subject_token")))
        }
        (SubjectTokenKind::Access, None) => Ok(subject_token),
    }
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
impl<K: Introspector + AgentTokens + Send + Sync + 'static> TokenService for AgentServices<K> {
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
        if request.metadata().contains_key(AUTHORIZATION.as_str()) {
            return Err(elsewhere());
        }
        let AskedToken { subject_token, audience, scopes } =
            AskedToken::read(request.into_inner())?;
        let issued = match subject_token {
            None => self.0.own_token(audience, scopes).await,
            Some(shown) => self.0.exchanged_token(&shown, audience, scopes).await,
        };
        issued.map(|issued| Response::new(issued.into())).map_err(|not_issued| match not_issued {
            NotIssued::Off => elsewhere(),
            NotIssued::Relayed(refusal) => refusal,
            NotIssued::Refused(error) => status(&error),
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
