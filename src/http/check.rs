//! `/check`: whether a request that a proxy has received may pass, on a listener of its own.
//!
//! Proxies send the visitor's `Authorization` along, so they cannot authenticate there: every request
//! to the listener is made as the client that the settings name.

use std::{iter, mem, pin::pin, sync::Arc, time::Duration};

use axum::response::Response;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tokio::time::timeout;

use super::{
    answer, failure::Failure, known_routes::KnownRoutes, measured::HttpMetrics, routes::STANDARD,
};
use crate::{
    bearer::{
        Bearer, Denial, Doorkeeper, IdentityHeaders, NotPassed, PeerCertificate, Route,
        certificate_text,
    },
    domain::{client_id::ClientId, error::Error, reason::Reason},
    metrics::Outcome,
    service::Ready,
    store::Store,
    transport::Malformed,
};

/// The only path. With a slash behind it, it would be what a proxy asks that puts the visitor's path and
/// query behind its own, and the visitor's query would be the requirement.
pub(super) const PATH: &str = "/check";

/// Room for the headers of an answer, so that their map grows once.
const HEADERS: usize = 12;

/// Every path of the listener.
pub fn check_paths() -> impl Iterator<Item = &'static str> {
    iter::once(PATH)
}

/// Options of `/check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// The headers that say whose request it is.
    pub headers: IdentityHeaders,
    /// Time limit of a request until it is answered.
    pub request_timeout: Duration,
    /// The header with the certificate that the visitor has shown to the proxy, which the proxy sets on each
    /// request. Without a name bound tokens are refused.
    pub certificate_header: Option<HeaderName>,
}

/// Decides for the proxies of this machine, which ask as one client.
pub struct ListenerDoor<S> {
    /// Place of the service, once it is open.
    pub service: Ready<S>,
    /// The client.
    pub client: ClientId,
}

impl<S: Store> Doorkeeper for ListenerDoor<S> {
    async fn decide<'v>(
        &self,
        route: &Route,
        authorizations: impl Iterator<Item = &'v [u8]> + Send,
        peer: impl FnOnce() -> Option<PeerCertificate> + Send,
    ) -> Result<Bearer, NotPassed> {
        let service = self.service.get().map_err(|error| undecided(&error))?;
        service.checks.check_for(&self.client, route, authorizations, peer).await
    }
}

/// The one endpoint.
pub(super) struct Place<D> {
    doorkeeper: Arc<D>,
    routes: KnownRoutes,
    options: CheckOptions,
    metrics: HttpMetrics,
}

impl<D> Place<D> {
    pub(super) fn new(doorkeeper: Arc<D>, options: CheckOptions, metrics: HttpMetrics) -> Self {
        Self { doorkeeper, routes: KnownRoutes::default(), options, metrics }
    }
}

impl<D: Doorkeeper> Place<D> {
    /// Answers a request. Its body is not looked at: proxies send none.
    pub(super) async fn answer(&self, request: &mut Request<()>) -> Response {
        let mut response = match Malformed::find(request) {
            Some(malformed) => Failure::Malformed(malformed).response(STANDARD),
            None => self.respond(request).await,
        };
        // Without Pragma, which means nothing in an answer (RFC 9111 §5.4): each header takes its time.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn respond(&self, request: &mut Request<()>) -> Response {
        let call = self.metrics.begin_check();
        let decided = self.decide_in_time(request).await;
        call.end(outcome(decided.as_ref()));
        match decided {
            Ok(bearer) => self.passed(&bearer, mem::take(request.headers_mut())),
            Err(NotPassed::Denied { denial, challenge }) => denied(denial, challenge),
            Err(NotPassed::Misconfigured) => answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// Decides within the limit. A decision from memory, which waits for nothing, makes no timer.
    async fn decide_in_time(&self, request: &Request<()>) -> Result<Bearer, NotPassed> {
        let mut deciding = pin!(self.decide(request));
        if let Some(decided) = deciding.as_mut().now_or_never() {
            return decided;
        }
        let decided = timeout(self.options.request_timeout, deciding).await;
        decided.unwrap_or_else(|_| Err(undecided(&Error::UNAVAILABLE)))
    }

    async fn decide(&self, request: &Request<()>) -> Result<Bearer, NotPassed> {
        let route = self.routes.stated_by(request.uri().query().unwrap_or_default());
        let headers = request.headers().get_all(AUTHORIZATION).iter();
        let visitor = || self.visitor(request.headers());
        self.doorkeeper.decide(&route, headers.map(HeaderValue::as_bytes), visitor).await
    }

    /// The certificate that the visitor has shown to the proxy; `None` also if the header is there twice, since
    /// one of the two is the visitor's then.
    fn visitor(&self, headers: &HeaderMap) -> Option<PeerCertificate> {
        let name = self.options.certificate_header.as_ref()?;
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => certificate_text::read(value.to_str().ok()?),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// Every header is there, empty where there is nothing to say: proxies pass on what the visitor sent
    /// under a name that the answer lacks. They take the room of those of the request.
    fn passed(&self, bearer: &Bearer, mut headers: HeaderMap) -> Response {
        let claims = match bearer {
            Bearer::Of(claims) => Some(&**claims),
            Bearer::Nobody => None,
        };
        headers.clear();
        headers.reserve(HEADERS);
        for (name, value) in self.options.headers.of(claims) {
            headers.insert(name.clone(), value.unwrap_or(HeaderValue::from_static("")));
        }
        let mut response = answer::empty(StatusCode::OK);
        *response.headers_mut() = headers;
        response
    }
}

/// A refusal is an answer as well as another: the decisions are counted by the service.
fn outcome(decided: Result<&Bearer, &NotPassed>) -> Outcome {
    match decided {
        Err(NotPassed::Denied { denial: Denial::Undecided { .. }, .. }) => {
            Outcome::Failed(Reason::TemporarilyUnavailable)
        }
        Err(NotPassed::Misconfigured) => Outcome::Failed(Reason::InvalidRequest),
        Ok(_) | Err(NotPassed::Denied { .. }) => Outcome::Ok,
    }
}

fn undecided(error: &Error) -> NotPassed {
    NotPassed::Denied { denial: Denial::from(error), challenge: None }
}

fn denied(denial: Denial, challenge: Option<String>) -> Response {
    let mut response = answer::empty(denial.http());
    let mut set = |name: HeaderName, value: Option<HeaderValue>| {
        response.headers_mut().extend(value.map(|value| (name, value)));
    };
    set(WWW_AUTHENTICATE, challenge.and_then(|challenge| challenge.try_into().ok()));
    set(RETRY_AFTER, denial.retry_after_seconds().map(HeaderValue::from));
    response
}
