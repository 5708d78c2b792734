//! Takes requests to the endpoint of their path.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, map_response},
    response::Response,
    routing::any,
};
use http::{Method, StatusCode, Uri};
use tokio::time::timeout;

use super::{
    answer, cors,
    failure::Failure,
    measured::{HttpMetrics, outcome},
    metadata, openapi,
    options::{BodyLimits, HttpOptions},
    routes::{Endpoint, ROUTES, Route, STANDARD},
};
use crate::{
    domain::{error::Error, invalid::Invalid},
    service::Ready,
    store::Store,
    transport::Malformed,
};

/// Shared state of all endpoints.
pub(super) struct Front<S> {
    /// Place of the service, once it is open.
    pub(super) service: Ready<S>,
    /// The URL clients know this server by.
    pub(super) issuer: Box<str>,
    /// Limits of a request's body.
    pub(super) body: BodyLimits,
    request_timeout: Duration,
    metrics: HttpMetrics,
    metadata: String,
    description: String,
}

/// Returns the endpoints over a service, without a listener. The server of them puts the
/// [`Peer`](crate::transport::Peer) into the request's extensions.
///
/// # Errors
/// If an allowed origin is not a valid one.
pub fn router<S: Store>(
    service: Ready<S>,
    options: &HttpOptions,
    metrics: &HttpMetrics,
) -> Result<Router, Invalid> {
    let front = Arc::new(Front {
        service,
        issuer: options.issuer.as_str().into(),
        body: options.body,
        request_timeout: options.request_timeout,
        metrics: metrics.clone(),
        metadata: metadata::text(options),
        description: openapi::text(options),
    });
    let mut router = Router::new().fallback(async || Failure::NotFound.response(STANDARD));
    for route in &ROUTES {
        for path in paths(route, options) {
            let front = Arc::clone(&front);
            let respond = async move |request: Request| respond(&front, route, request).await;
            router = router.route(&path, any(respond));
        }
    }
    if let Some(cors) = cors::layer(&options.cors)? {
        router = router.layer(cors);
    }
    Ok(router.layer(map_response(answer::no_store)))
}

/// Returns the paths of a route. If the issuer has a path, the metadata are found in two more places:
/// with that path behind theirs (RFC 8414 §3.1) and before it (`OpenID` Connect Discovery 1.0 §4.1).
fn paths(route: &Route, options: &HttpOptions) -> Vec<String> {
    let mut paths = route.paths().to_vec();
    let issuer = options.issuer.parse::<Uri>().unwrap_or_default();
    let issuer_path = issuer.path().trim_end_matches('/');
    // The router gives braces a meaning.
    if route.endpoint == Endpoint::Metadata
        && !issuer_path.is_empty()
        && !issuer_path.contains(['{', '}'])
    {
        paths.push(format!("{}{issuer_path}", route.path));
        paths.push(format!("{issuer_path}{}", route.path));
        paths.dedup();
    }
    paths
}

/// Answer to a request that took too long: it can have been carried out, or not.
const TOO_LONG: Error = Error::Unavailable { retry_after: Duration::from_secs(1) };

/// Answers a request and counts the answer. A request that has lost its caller, or took too long, and
/// has written goes on to its end; it is counted as cancelled, or as too late, all the same.
async fn respond<S: Store>(
    front: &Arc<Front<S>>,
    route: &'static Route,
    request: Request,
) -> Response {
    let call = front.metrics.begin(route.endpoint);
    let asked = Arc::clone(front);
    let asking = front.service.carry(async move { asked.ask(route.endpoint, request).await });
    let answering = timeout(front.request_timeout, asking).await;
    let answered = answering.unwrap_or_else(|_| Err(TOO_LONG.into()));
    call.end(outcome(&answered));
    answered.unwrap_or_else(|failure| failure.response(route.statuses))
}

impl<S: Store> Front<S> {
    async fn ask(&self, endpoint: Endpoint, request: Request) -> Result<Response, Failure> {
        match endpoint {
            Endpoint::Token => self.token(request).await,
            Endpoint::Revoke(revoked) => self.revoke(request, revoked).await,
            Endpoint::Introspect => self.introspect(request).await,
            Endpoint::Metadata => document(&request, &self.metadata),
            Endpoint::Jwks => self.jwks(&request),
            Endpoint::OpenApi => document(&request, &self.description),
        }
    }
}

/// Refuses what HTTP/1.1 does not allow, before anything reads it.
pub(super) async fn well_formed(request: Request, next: Next) -> Response {
    match Malformed::find(&request) {
        Some(malformed) => answer::no_store(Failure::Malformed(malformed).response(STANDARD)).await,
        None => next.run(request).await,
    }
}

fn document(request: &Request, text: &str) -> Result<Response, Failure> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Failure::Method { allow: "GET, HEAD" });
    }
    Ok(answer::typed(StatusCode::OK, answer::JSON, text.to_owned()))
}
