//! The introspection endpoint (RFC 7662).

use std::collections::BTreeMap;

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{answer, call::Call, failure::Failure, front::Front, signed_introspection};
use crate::{
    domain::{
        act_claim::ActClaim,
        client_id::ClientId,
        cnf_claim::CnfClaim,
        secret::Secret,
        token::{Token, TokenKind},
    },
    service::{ActiveToken, Introspect, Introspection},
    store::Store,
};

/// An inactive token, for every reason: not one byte more (RFC 7662 §2.2).
pub(super) const INACTIVE: &str = r#"{"active":false}"#;

/// An active token (RFC 7662 §2.2). Times are whole seconds since 1970. Members that the RFC does not
/// name are objects or numbers of their own, so that no attribute hides a standard member.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the RFC")]
pub(super) struct Active<'a> {
    pub(super) active: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) scope: &'a str,
    pub(super) client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<&'a str>,
    /// Type of an access token (RFC 6749 §7.1). A refresh token has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_type: Option<&'static str>,
    /// The actor for the subject (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) act: Option<ActClaim>,
    /// Proof that the bearer must show (RFC 8705 §3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<CnfClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iat: Option<u64>,
    pub(super) sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<Names<'a>>,
    /// An agent does not know by which name clients know its server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<&'a str>,
    pub(super) jti: String,
    /// Attributes of the client and the user, as `IntrospectResponse.attributes` has them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<&'a str, &'a str>,
    /// Whole seconds for which the caller may keep this answer; never past `exp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_ttl: Option<u64>,
}

/// One name is a string, several are an array (RFC 7519 §4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Names<'a> {
    One(&'a str),
    Several(Vec<&'a str>),
}

impl<S: Store> Front<S> {
    /// Says whether a token is good.
    ///
    /// # Errors
    /// Everything that `Service::introspect` refuses, and a request that cannot be read.
    pub(super) async fn introspect(&self, request: Request) -> Result<Response, Failure> {
        let is_signed = signed_introspection::is_asked(request.headers());
        let Call { credentials, mut parameters, origin, .. } =
            Call::read(request, self.body).await?;
        let token = parameters.require("token")?;
        let expected_kind = expected(&token, parameters.take("token_type_hint").as_ref());
        let service = self.service.get()?;
        let caller = service.authentication.audited_caller(&credentials, || origin).await?;
        let found =
            service.introspection.introspect(&caller, &Introspect { token, expected_kind }).await?;
        let found = match &found {
            Introspection::Active(token) => Some(active(token, &self.issuer)),
            Introspection::Inactive(_) => None,
        };
        if is_signed {
            return match found {
                Some(active) => self.sign_introspection(&caller, active).await,
                None => self.sign_introspection(&caller, json!({ "active": false })).await,
            };
        }
        Ok(match found {
            Some(active) => answer::json(StatusCode::OK, &active),
            None => answer::typed(StatusCode::OK, answer::JSON, INACTIVE),
        })
    }
}

/// A refresh token must be asked for as one, so that no service takes it for an access token. An
/// access token is found under any hint (RFC 7662 §2.1: the search must be extended).
pub(super) fn expected(token: &Secret, hint: Option<&Secret>) -> TokenKind {
    let hinted = hint.is_some_and(|hint| hint.expose() == "refresh_token");
    let token = if hinted { Token::parse(token.expose()) } else { None };
    token.map_or(TokenKind::Access, |token| token.kind)
}

fn active<'a>(token: &'a ActiveToken, issuer: &'a str) -> Active<'a> {
    let grant = token.grant();
    let actors = grant.delegation.as_ref().map_or(&[][..], |delegation| &delegation.actors);
    Active {
        active: true,
        scope: token.scopes().as_str(),
        client_id: grant.client_id.as_str(),
        username: token.user().map(|user| user.name.as_str()),
        token_type: match token.kind {
            TokenKind::Access => Some("Bearer"),
            TokenKind::Refresh => None,
        },
        act: ActClaim::of(actors.iter().map(ClientId::as_str)),
        cnf: token.confirmation().map(CnfClaim::of),
        exp: Some(token.expire_time.as_secs()),
        iat: Some(token.issue_time.as_secs()),
        sub: grant.subject.text(&grant.client_id),
        aud: names(grant.audience.names().collect()),
        iss: Some(issuer),
        jti: grant.id.to_string(),
        attributes: token.attributes().collect(),
        cache_ttl: Some(token.cache_ttl.as_secs()),
    }
}

pub(super) fn names(names: Vec<&str>) -> Option<Names<'_>> {
    match names[..] {
        [] => None,
        [name] => Some(Names::One(name)),
        _ => Some(Names::Several(names)),
    }
}
