//! The endpoints of an agent beside `/check`: introspection (RFC 7662) from what it knows, and tokens.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Router, extract::Request, response::Response, routing::any};
use http::StatusCode;
use tokio::time::timeout;

use super::{
    agent_token::{self, TokenSource},
    answer,
    call::Call,
    check::check_paths,
    failure::Failure,
    introspect::{Active, INACTIVE, expected, names},
    measured::{HttpMetrics, outcome},
    options::BodyLimits,
    routes::{Endpoint, INTROSPECT, STANDARD, TOKEN},
};
use crate::{
    bearer::{Claims, Introspector, NotGood},
    domain::{act_claim::ActClaim, cnf_claim::CnfClaim, error::Error, token::TokenKind},
};

/// Every path of an agent over HTTP.
pub fn agent_paths() -> impl Iterator<Item = &'static str> {
    check_paths().chain([INTROSPECT, TOKEN])
}

/// Endpoints of an agent beside `/check`.
pub struct AgentEndpoints<K> {
    /// Its knowledge.
    pub known: Arc<K>,
    /// Limits of a request's body.
    pub body: BodyLimits,
    /// Longest time until a request is answered.
    pub request_timeout: Duration,
    /// Metrics of the requests.
    pub metrics: HttpMetrics,
}

impl<K: Introspector + TokenSource + Send + Sync + 'static> AgentEndpoints<K> {
    /// The endpoints, without a listener. They ask for no credentials.
    pub fn router(self) -> Router {
        let endpoints = Arc::new(self);
        let mut router = Router::new();
        for (path, endpoint) in [(INTROSPECT, Endpoint::Introspect), (TOKEN, Endpoint::Token)] {
            for path in [path.to_owned(), format!("{path}/")] {
                let endpoints = Arc::clone(&endpoints);
                let respond =
                    async move |request: Request| endpoints.respond(endpoint, request).await;
                router = router.route(&path, any(respond));
            }
        }
        router
    }

    async fn respond(&self, endpoint: Endpoint, request: Request) -> Response {
        let call = self.metrics.begin(endpoint);
        let answer = async {
            if endpoint == Endpoint::Token {
                agent_token::issue(&*self.known, request, self.body).await
            } else {
                self.introspect(request).await
            }
        };
        let answered = timeout(self.request_timeout, answer).await;
        let answered = answered.unwrap_or_else(|_| Err(Error::UNAVAILABLE.into()));
        call.end(outcome(&answered));
        answered.unwrap_or_else(|failure| failure.response(STANDARD))
    }

    /// Credentials may be there, which clients of the server send: they are not looked at.
    async fn introspect(&self, request: Request) -> Result<Response, Failure> {
        let Call { mut parameters, .. } = Call::read(request, self.body).await?;
        let token = parameters.require("token")?;
        if expected(&token, parameters.take("token_type_hint").as_ref()) == TokenKind::Refresh {
            let problem = "must not be refresh_token: an agent knows access tokens alone";
            return Err(Error::InvalidRequest { field: "token_type_hint", problem }.into());
        }
        match self.known.claims(token.expose()).await {
            Ok(claims) => {
                let scope = claims.scopes.join(" ");
                Ok(answer::json(StatusCode::OK, &active(&claims, &scope)))
            }
            Err(NotGood::Inactive) => Ok(answer::typed(StatusCode::OK, answer::JSON, INACTIVE)),
            Err(NotGood::Unknown { retry_after }) => Err(Error::Unavailable { retry_after }.into()),
        }
    }
}

fn active<'a>(claims: &'a Claims, scope: &'a str) -> Active<'a> {
    Active {
        active: true,
        scope,
        client_id: &claims.client_id,
        username: claims.username.as_deref(),
        token_type: Some("Bearer"),
        act: ActClaim::of(claims.actors.iter().map(String::as_str)),
        cnf: claims.confirmation.as_ref().map(CnfClaim::of),
        exp: claims.expire_time.and_then(seconds),
        iat: claims.issue_time.and_then(seconds),
        sub: claims.subject.clone(),
        aud: names(claims.audience.iter().map(String::as_str).collect()),
        iss: None,
        jti: claims.grant_id.clone(),
        attributes: claims.attributes.iter().map(|(name, value)| (&**name, &**value)).collect(),
        cache_ttl: None,
    }
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}
