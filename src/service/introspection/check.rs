//! Decides whether requests that a proxy has received may pass, by their bearer tokens.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::introspect::IntrospectionService;
use crate::{
    bearer::{
        AncestorGrant, Bearer, Claims, Denial, Gate, Introspector, NotGood, NotPassed,
        PeerCertificate, Route, RouteFault,
    },
    domain::{
        client::IntrospectReach, client_id::ClientId, delegation::Ancestor, error::Error,
        secret::Secret, time::Timestamp, token::TokenKind,
    },
    service::{
        ActiveToken, Caller, Introspect, Introspection,
        authentication::authenticate::Authentication,
    },
    store::Store,
};

/// Time to wait if an error does not give one.
const PAUSE: Duration = Duration::from_secs(1);

impl From<&Error> for Denial {
    /// Returns the denial if the token cannot be introspected.
    fn from(error: &Error) -> Self {
        Self::Undecided { retry_after: error.retry_after().unwrap_or(PAUSE) }
    }
}

/// Decisions on requests with bearer tokens, for proxies.
pub struct Checks<S> {
    authentication: Arc<Authentication<S>>,
    introspection: Arc<IntrospectionService<S>>,
    gate: Gate,
}

impl<S> Checks<S> {
    pub(in crate::service) fn new(
        authentication: Arc<Authentication<S>>,
        introspection: Arc<IntrospectionService<S>>,
        gate: Gate,
    ) -> Self {
        Self { authentication, introspection, gate }
    }
}

impl<S: Store> Checks<S> {
    /// Decides on a request with these values of `Authorization`, on this route. `peer` is what the visitor has
    /// shown to the proxy. `caller` is the proxy's client; it must be one that
    /// may introspect tokens for the route's audience.
    ///
    /// # Errors
    /// Why the request does not pass.
    pub async fn check<'v>(
        &self,
        caller: &Caller,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]>,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed> {
        let foreign = Err(RouteFault::ForeignAudience);
        let route = match route {
            Ok(requirement) if !reaches(caller, requirement.audience()) => &foreign,
            route => route,
        };
        let tokens = Tokens { introspection: &self.introspection, caller };
        let client_id = caller.id().as_str();
        self.gate.decide(client_id, &tokens, route, authorizations, peer).await
    }

    /// As [`Self::check`], for a listener that asks as the client of this name.
    ///
    /// # Errors
    /// As there.
    pub async fn check_for<'v>(
        &self,
        client: &ClientId,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]>,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed> {
        match self.authentication.named_by_settings(client).await {
            Ok(caller) => self.check(&caller, route, authorizations, peer).await,
            Err(Error::InvalidClient(_)) => {
                let reason = "there is no such client, or it is public or disabled";
                Err(self.gate.misconfigured(client.as_str(), reason))
            }
            Err(error) => Err(self.gate.undecided(error.retry_after().unwrap_or(PAUSE))),
        }
    }
}

/// Returns whether the client may see all tokens of that audience, not only its own.
fn reaches(caller: &Caller, audience: Option<&str>) -> bool {
    match caller.client().introspect {
        IntrospectReach::Own => false,
        IntrospectReach::Audience => audience == Some(caller.id().as_str()),
        IntrospectReach::Any => true,
    }
}

/// The access tokens of this process's store, as far as a caller may see them.
struct Tokens<'s, S> {
    introspection: &'s IntrospectionService<S>,
    caller: &'s Caller,
}

impl<S: Store> Introspector for Tokens<'_, S> {
    async fn claims(&self, token: &str) -> Result<Arc<Claims>, NotGood> {
        let token = Secret::new(token.to_owned());
        let asked = Introspect { token, expected_kind: TokenKind::Access };
        match self.introspection.introspect(self.caller, &asked).await {
            Ok(Introspection::Active(active)) => Ok(Arc::new(claims(&active))),
            Ok(Introspection::Inactive(_)) => Err(NotGood::Inactive),
            Err(error) => {
                Err(NotGood::Unknown { retry_after: error.retry_after().unwrap_or(PAUSE) })
            }
        }
    }
}

fn claims(active: &ActiveToken) -> Claims {
    let grant = active.grant();
    let attributes = active.attributes();
    let actors = grant.delegation.iter().flat_map(|delegation| &delegation.actors);
    let ancestors = grant.delegation.iter().flat_map(|delegation| &delegation.ancestors);
    Claims {
        client_id: grant.client_id.to_string(),
        subject: grant.subject.text(&grant.client_id),
        username: active.user().map(|user| user.name.to_string()),
        scopes: active.scopes().values().map(str::to_owned).collect(),
        audience: grant.audience.names().map(str::to_owned).collect(),
        issue_time: time(active.issue_time),
        expire_time: time(active.expire_time),
        grant_id: grant.id.to_string(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        actors: actors.map(ToString::to_string).collect(),
        ancestors: ancestors.map(ancestor).collect(),
        confirmation: active.confirmation().cloned(),
    }
}

fn ancestor(ancestor: &Ancestor) -> AncestorGrant {
    AncestorGrant {
        grant_id: ancestor.grant_id.to_string(),
        client_id: ancestor.client_id.to_string(),
    }
}

fn time(time: Timestamp) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(time.as_millis()))
}
