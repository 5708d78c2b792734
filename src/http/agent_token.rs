//! The token endpoint of an agent: access tokens of its client, and exchanges (RFC 8693), for the service beside it.

use std::{future::Future, time::Duration};

use axum::{extract::Request, response::Response};
use http::StatusCode;

use super::{
    answer,
    call::Call,
    failure::Failure,
    options::BodyLimits,
    parameters::Parameters,
    token::{TokenAnswer, exchange},
};
use crate::{
    domain::{
        audience::Audience, error::Error, grant_type::GrantType, scopes::Scopes, secret::Secret,
    },
    service::{ACCESS_TOKEN_TYPE, SubjectTokenKind, TokenExchange},
};

/// A source of access tokens that the agent's client gets.
pub trait TokenSource {
    /// Returns a token.
    ///
    /// # Errors
    /// See [`NotIssued`].
    fn issue(
        &self,
        asked: AskedToken,
    ) -> impl Future<Output = Result<GivenToken, NotIssued>> + Send;
}

/// A request for a token.
#[derive(Debug)]
pub struct AskedToken {
    /// The access token of a user to exchange; without one a token of the client's own is asked for.
    pub subject_token: Option<Secret>,
    /// Services; empty for all that are allowed.
    pub audience: Audience,
    /// Scopes; empty for all that are allowed.
    pub scopes: Scopes,
}

/// An access token, as an agent gives it.
#[derive(Debug)]
pub struct GivenToken {
    /// Its text.
    pub access_token: Secret,
    /// Time until it ends.
    pub expires_in: Duration,
    /// Scopes, with spaces in between.
    pub scope: String,
}

/// The reason for a missing token.
#[derive(Debug)]
pub enum NotIssued {
    /// This agent issues none of the kind.
    Off,
    /// The server refused it.
    Relayed {
        /// The kind of refusal.
        error: Error,
        /// The server's words.
        text: String,
    },
    /// The agent refuses it, or the server is out of reach.
    Refused(Error),
}

/// Answers a request. Credentials may be there, which libraries of clients send: they are not looked at.
pub(super) async fn issue(
    source: &impl TokenSource,
    request: Request,
    limits: BodyLimits,
) -> Result<Response, Failure> {
    let Call { mut parameters, .. } = Call::read(request, limits).await?;
    let asked = asked(&mut parameters)?;
    let is_exchange = asked.subject_token.is_some();
    let given = source.issue(asked).await.map_err(|not_issued| match not_issued {
        NotIssued::Off => Error::UnsupportedGrantType.into(),
        NotIssued::Relayed { error, text } => Failure::Relayed { error, text },
        NotIssued::Refused(error) => error.into(),
    })?;
    let answer = TokenAnswer {
        access_token: given.access_token.expose(),
        token_type: "Bearer",
        issued_token_type: is_exchange.then_some(ACCESS_TOKEN_TYPE),
        expires_in: given.expires_in.as_secs(),
        refresh_token: None,
        scope: &given.scope,
    };
    Ok(answer::json(StatusCode::OK, &answer))
}

fn asked(parameters: &mut Parameters) -> Result<AskedToken, Error> {
    let grant_type = parameters.require("grant_type")?;
    let subject_token = match GrantType::parse(grant_type.expose()) {
        Some(GrantType::ClientCredentials) => None,
        Some(GrantType::TokenExchange) => Some(subject_token(parameters)?),
        _ => return Err(Error::UnsupportedGrantType),
    };
    let scope = parameters.take("scope");
    let scopes = scope.map_or(Ok(Scopes::default()), |scope| Scopes::parse(scope.expose()));
    let scopes = scopes.map_err(|_| Error::InvalidScope)?;
    let audience = parameters.take_audience()?;
    // With such a token the service could ask the server as the agent does.
    if audience.names_jeton() {
        return Err(Error::InvalidTarget);
    }
    Ok(AskedToken { subject_token, audience, scopes })
}

fn subject_token(parameters: &mut Parameters) -> Result<Secret, Error> {
    let shown: TokenExchange = exchange(parameters)?.try_into()?;
    if shown.kind == SubjectTokenKind::Id {
        let problem = "must be that of access tokens: ask the server about ID tokens";
        return Err(Error::InvalidRequest { field: "subject_token_type", problem });
    }
    if shown.actor_token.is_some() {
        let problem = "must not be there: an agent acts by its own credentials";
        return Err(Error::InvalidRequest { field: "actor_token", problem });
    }
    Ok(shown.subject_token)
}
