//! The token endpoint (RFC 6749 §3.2): issues and refreshes.

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde::Serialize;

use super::{answer, call::Call, failure::Failure, front::Front, parameters::Parameters};
use crate::{
    domain::{
        error::Error, grant::Origin, grant_type::GrantType, issue::check_grant_type, scopes::Scopes,
    },
    service::{ACCESS_TOKEN_TYPE, ExchangeParameters, Issue, IssueGrant, Refresh, Tokens},
    store::Store,
};

/// Request of the token endpoint.
enum Asked {
    Issue(Issue),
    Refresh(Refresh),
}

/// The answer (RFC 6749 §5.1).
#[derive(Serialize)]
pub(super) struct TokenAnswer<'a> {
    pub(super) access_token: &'a str,
    pub(super) token_type: &'static str,
    /// After an exchange (RFC 8693 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issued_token_type: Option<&'static str>,
    /// Lifetime in seconds, a number.
    pub(super) expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) scope: &'a str,
}

impl<S: Store> Front<S> {
    /// Answers a request for tokens.
    ///
    /// # Errors
    /// Everything that `Service::issue` and `Service::refresh` refuse, and a request that cannot be
    /// read.
    pub(super) async fn token(&self, request: Request) -> Result<Response, Failure> {
        let Call { credentials, mut parameters, origin, certificate } =
            Call::read(request, self.body).await?;
        // Requests that no client may make are refused before a secret costs a hash.
        let asked = asked(&mut parameters, origin.clone())?;
        let service = self.service.get()?;
        let caller =
            service.authentication.audited_client(&credentials, || origin).await?.over(certificate);
        let tokens = match asked {
            Asked::Issue(issue) => {
                service.tokens.issue(&caller, issue).await.map_err(Failure::to(&caller))?
            }
            Asked::Refresh(refresh) => {
                // A client that may not refresh is refused for any token.
                check_grant_type(GrantType::RefreshToken, caller.client())?;
                service.tokens.refresh(&caller, &refresh).await.map_err(Failure::to(&caller))?
            }
        };
        Ok(answer::json(StatusCode::OK, &token_answer(&tokens)))
    }
}

fn asked(parameters: &mut Parameters, origin: Origin) -> Result<Asked, Error> {
    let grant_type = parameters.require("grant_type")?;
    let grant_type = GrantType::parse(grant_type.expose()).ok_or(Error::UnsupportedGrantType)?;
    let scope = parameters.take("scope");
    let scopes = scope.map_or(Ok(Scopes::default()), |scope| Scopes::parse(scope.expose()));
    let scopes = scopes.map_err(|_| Error::InvalidScope)?;
    let audience = parameters.take_audience()?;
    let grant = match grant_type {
        GrantType::Password => {
            let username = parameters.require("username")?.expose().to_owned();
            IssueGrant::Password { username, password: parameters.require("password")? }
        }
        GrantType::ClientCredentials => IssueGrant::ClientCredentials,
        GrantType::JwtBearer => {
            IssueGrant::JwtBearer { assertion: parameters.require("assertion")? }
        }
        GrantType::TokenExchange => IssueGrant::TokenExchange(exchange(parameters)?.try_into()?),
        GrantType::RefreshToken => {
            let refresh_token = parameters.require("refresh_token")?;
            return Ok(Asked::Refresh(Refresh { refresh_token, scopes, audience, origin }));
        }
    };
    Ok(Asked::Issue(Issue { grant, scopes, audience, ttl: None, request_id: None, origin }))
}

/// Reads the parameters of an exchange.
///
/// # Errors
/// `InvalidRequest` for one that is missing.
pub(super) fn exchange(parameters: &mut Parameters) -> Result<ExchangeParameters, Error> {
    let mut text = |name| parameters.take(name).map(|value| value.expose().to_owned());
    let actor_token_type = text("actor_token_type");
    let requested_token_type = text("requested_token_type");
    let subject_token_type = parameters.require("subject_token_type")?.expose().to_owned();
    Ok(ExchangeParameters {
        subject_token: parameters.require("subject_token")?,
        subject_token_type: Some(subject_token_type),
        actor_token: parameters.take("actor_token"),
        actor_token_type,
        requested_token_type,
    })
}

fn token_answer(tokens: &Tokens) -> TokenAnswer<'_> {
    TokenAnswer {
        access_token: tokens.access_token.expose(),
        token_type: "Bearer",
        issued_token_type: tokens.exchanged.then_some(ACCESS_TOKEN_TYPE),
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: tokens.refresh.as_ref().map(|(token, _)| token.expose()),
        scope: tokens.scopes.as_str(),
    }
}
