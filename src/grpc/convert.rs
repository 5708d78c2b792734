//! Between the messages of the wire and the types of `service`.

use std::time::Duration;

use tonic::{Request, metadata::MetadataMap};

use crate::{
    domain::{
        audience::Audience,
        certificate::CertificateIdentity,
        confirmation::Confirmation,
        delegation::{Ancestor, Delegation},
        error::Error,
        grant::Origin,
        liveness::InactiveReason,
        revoke::{RevokeScope, Revoked},
        scopes::Scopes,
        secret::Secret,
        time::Timestamp,
        token::TokenKind,
    },
    proto::v1,
    service::{
        ACCESS_TOKEN_TYPE, ExchangeParameters, Introspect, Issue, IssueGrant, Refresh, Revoke,
        Tokens,
    },
    transport::Peer,
};

const MAX_REQUEST_ID_CHARS: usize = 128;

/// # Errors
/// `UnsupportedGrantType`, `InvalidScope`, `InvalidTarget` or `InvalidRequest` for what no client
/// may ask.
pub(super) fn issue(request: v1::IssueTokenRequest, origin: Origin) -> Result<Issue, Error> {
    let grant = match request.grant.ok_or(Error::UnsupportedGrantType)? {
        v1::issue_token_request::Grant::Password(v1::PasswordGrant { username, password }) => {
            IssueGrant::Password { username, password: Secret::new(password) }
        }
        v1::issue_token_request::Grant::ClientCredentials(v1::ClientCredentialsGrant {}) => {
            IssueGrant::ClientCredentials
        }
        v1::issue_token_request::Grant::JwtBearer(v1::JwtBearerGrant { assertion }) => {
            IssueGrant::JwtBearer { assertion: Secret::new(assertion) }
        }
        v1::issue_token_request::Grant::TokenExchange(shown) => {
            IssueGrant::TokenExchange(exchange(shown).try_into()?)
        }
    };
    Ok(Issue {
        grant,
        scopes: scopes(&request.scopes)?,
        audience: audience(&request.audience)?,
        ttl: request.ttl.map(ttl).transpose()?,
        request_id: request_id(&request.request_id)?,
        origin,
    })
}

/// Reads the parameters of an exchange.
pub(super) fn exchange(shown: v1::TokenExchangeGrant) -> ExchangeParameters {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    ExchangeParameters {
        subject_token: Secret::new(shown.subject_token),
        subject_token_type: given(shown.subject_token_type),
        actor_token: given(shown.actor_token).map(Secret::new),
        actor_token_type: given(shown.actor_token_type),
        requested_token_type: given(shown.requested_token_type),
    }
}

/// # Errors
/// `InvalidScope`.
pub(super) fn refresh(request: v1::RefreshTokenRequest, origin: Origin) -> Result<Refresh, Error> {
    let scopes = scopes(&request.scopes)?;
    let refresh_token = Secret::new(request.refresh_token);
    Ok(Refresh { refresh_token, scopes, audience: Audience::default(), origin })
}

/// # Errors
/// `InvalidRequest` for an unknown revoke scope: guessing would end too much or too little.
pub(super) fn revoke(request: v1::RevokeTokenRequest, origin: Origin) -> Result<Revoke, Error> {
    let scope = match v1::RevokeScope::try_from(request.revoke_scope) {
        Ok(v1::RevokeScope::Unspecified) => RevokeScope::WholeGrant,
        Ok(v1::RevokeScope::AccessTokenOnly) => RevokeScope::AccessTokenOnly,
        Err(_) => {
            let problem = "must be a known value";
            return Err(Error::InvalidRequest { field: "revoke_scope", problem });
        }
    };
    Ok(Revoke { token: Secret::new(request.token), scope, origin })
}

/// The answer to a revocation.
pub(super) const fn revoked(revoked: Revoked) -> v1::RevokeTokenResponse {
    let outcome = match revoked {
        Revoked::Now => v1::RevokeOutcome::Revoked,
        Revoked::Before => v1::RevokeOutcome::AlreadyRevoked,
        Revoked::Unknown => v1::RevokeOutcome::Unknown,
    };
    v1::RevokeTokenResponse { outcome: outcome as i32 }
}

/// # Errors
/// `InvalidRequest` for an unknown kind and an empty token.
pub(super) fn introspect(request: v1::IntrospectRequest) -> Result<Introspect, Error> {
    if request.token.is_empty() {
        return Err(Error::missing("token"));
    }
    let expected_kind = match v1::TokenKind::try_from(request.expected_kind) {
        Ok(v1::TokenKind::Unspecified | v1::TokenKind::Access) => TokenKind::Access,
        Ok(v1::TokenKind::Refresh) => TokenKind::Refresh,
        Err(_) => {
            let problem = "must be a known value";
            return Err(Error::InvalidRequest { field: "expected_kind", problem });
        }
    };
    Ok(Introspect { token: Secret::new(request.token), expected_kind })
}

/// Returns the origin of a request.
pub(super) fn origin<T>(request: &Request<T>) -> Origin {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip().to_string().into());
    Origin { peer, user_agent: user_agent(request.metadata()) }
}

fn user_agent(metadata: &MetadataMap) -> Option<Box<str>> {
    let text = metadata.get("user-agent")?.to_str().ok()?;
    // `to_str` has seen to it that every character is one byte.
    Some(text.get(..Origin::MAX_USER_AGENT_BYTES).unwrap_or(text).into())
}

/// Reads the services of a request.
///
/// # Errors
/// `InvalidTarget`.
pub(super) fn audience(names: &[String]) -> Result<Audience, Error> {
    Audience::from_names(names.iter().map(String::as_str)).map_err(|_| Error::InvalidTarget)
}

/// Reads the scopes of a request.
///
/// # Errors
/// `InvalidScope`.
pub(super) fn scopes(values: &[String]) -> Result<Scopes, Error> {
    Scopes::from_values(values.iter().map(String::as_str)).map_err(|_| Error::InvalidScope)
}

fn ttl(ttl: prost_types::Duration) -> Result<Duration, Error> {
    // prost_types' own conversion overflows on the least number of seconds.
    let parts = u64::try_from(ttl.seconds).ok().zip(u32::try_from(ttl.nanos).ok());
    let ttl = parts.map(|(seconds, nanos)| Duration::new(seconds, nanos));
    ttl.ok_or(Error::InvalidRequest { field: "ttl", problem: "must be at least 1 s" })
}

/// # Errors
/// `InvalidRequest` for what no request id may be.
pub(super) fn request_id(text: &str) -> Result<Option<Box<str>>, Error> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() > MAX_REQUEST_ID_CHARS || !plain {
        let problem = "must be at most 128 graphic ASCII characters";
        return Err(Error::InvalidRequest { field: "request_id", problem });
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// The answer to an issue.
pub(super) fn issued(tokens: &Tokens) -> v1::IssueTokenResponse {
    let refresh_token = tokens.refresh.as_ref().map(|(token, _)| token.expose().to_owned());
    let refresh_expire_time = tokens.refresh.as_ref().map(|(_, time)| timestamp(*time));
    v1::IssueTokenResponse {
        access_token: tokens.access_token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: seconds(tokens.expires_in),
        expire_time: Some(timestamp(tokens.expire_time)),
        refresh_token: refresh_token.unwrap_or_default(),
        refresh_expire_time,
        scopes: tokens.scopes.values().map(str::to_owned).collect(),
        grant_id: tokens.grant_id.to_string(),
        issued_token_type: if tokens.exchanged { ACCESS_TOKEN_TYPE } else { "" }.to_owned(),
    }
}

/// The answer to a refresh: field for field that of an issue, as a message of its own.
pub(super) fn refreshed(tokens: &Tokens) -> v1::RefreshTokenResponse {
    let issued = issued(tokens);
    v1::RefreshTokenResponse {
        access_token: issued.access_token,
        token_type: issued.token_type,
        expires_in: issued.expires_in,
        expire_time: issued.expire_time,
        refresh_token: issued.refresh_token,
        refresh_expire_time: issued.refresh_expire_time,
        scopes: issued.scopes,
        grant_id: issued.grant_id,
    }
}

pub(super) fn inactive(reason: InactiveReason) -> v1::InactiveReason {
    match reason {
        InactiveReason::Unknown => v1::InactiveReason::Unknown,
        InactiveReason::WrongKind => v1::InactiveReason::WrongKind,
        InactiveReason::NotVisible => v1::InactiveReason::NotVisible,
        InactiveReason::Expired => v1::InactiveReason::Expired,
        InactiveReason::Revoked => v1::InactiveReason::Revoked,
        InactiveReason::Replayed => v1::InactiveReason::Replayed,
        InactiveReason::Superseded => v1::InactiveReason::Superseded,
        InactiveReason::ClientEnded => v1::InactiveReason::ClientEnded,
        InactiveReason::SubjectEnded => v1::InactiveReason::SubjectEnded,
        InactiveReason::AncestorEnded => v1::InactiveReason::AncestorEnded,
    }
}

/// The holder of a bound token.
pub(super) fn confirmation(confirmation: &Confirmation) -> v1::Confirmation {
    match confirmation.identity() {
        CertificateIdentity::Sha256(hash) => {
            v1::Confirmation { certificate_sha256: hash.to_vec(), ..v1::Confirmation::default() }
        }
        name @ (CertificateIdentity::Dns(_) | CertificateIdentity::Uri(_)) => v1::Confirmation {
            certificate_identity: name.to_string(),
            ..v1::Confirmation::default()
        },
    }
}

/// The grants that one came of.
pub(super) fn ancestors(delegation: Option<&Delegation>) -> Vec<v1::AncestorGrant> {
    let ancestors = delegation.into_iter().flat_map(|delegation| &delegation.ancestors);
    let message = |ancestor: &Ancestor| v1::AncestorGrant {
        grant_id: ancestor.grant_id.to_string(),
        client_id: ancestor.client_id.to_string(),
    };
    ancestors.map(message).collect()
}

/// The clients that act for a subject.
pub(super) fn actors(delegation: Option<&Delegation>) -> Vec<String> {
    let actors = delegation.into_iter().flat_map(|delegation| &delegation.actors);
    actors.map(ToString::to_string).collect()
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    let nanos = i32::try_from(duration.subsec_nanos()).unwrap_or(0);
    prost_types::Duration { seconds: seconds(duration), nanos }
}

pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let since_epoch = duration(Duration::from_millis(time.as_millis()));
    prost_types::Timestamp { seconds: since_epoch.seconds, nanos: since_epoch.nanos }
}
