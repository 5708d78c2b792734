//! Answers of the ops listener.

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE},
};

use super::{Exposition, Readiness, liveness::Liveness};
use crate::{
    grpc::{Health, grpc_only},
    metrics,
    transport::Malformed,
};

/// Longest gRPC message that is read, in bytes: the name of a service.
const MAX_MESSAGE_BYTES: usize = 4 << 10;
const STUCK: &str = "the runtime is stuck\n";
/// Callers are served, so they are sent here all the same.
const NEXT_START: &str =
    "warning: the key ring on disk is not what a start needs: see jeton status and the log";
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answer to a request.
#[derive(Clone, Copy)]
enum Answer {
    Livez,
    Readyz,
    Metrics,
    Health,
}

/// Every path, and what is answered there.
const ROUTES: [(&str, Answer); 4] = [
    ("/livez", Answer::Livez),
    ("/readyz", Answer::Readyz),
    ("/metrics", Answer::Metrics),
    ("/grpc.health.v1.Health/{method}", Answer::Health),
];

/// Every path that is answered; `{method}` stands for the name of one.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|(path, _)| *path)
}

/// The probes, the metrics, and grpc.health.v1 beside them.
pub(super) fn router(
    liveness: &Liveness,
    readiness: &Readiness,
    exposition: &Exposition,
    health: &Health,
) -> Router {
    let mut router = Router::new();
    for (path, answer) in ROUTES {
        router = match answer {
            Answer::Livez => router.route(path, get(livez).with_state(liveness.clone())),
            Answer::Readyz => {
                let state = (liveness.clone(), readiness.clone());
                router.route(path, get(readyz).with_state(state))
            }
            Answer::Metrics => router.route(path, get(expose).with_state(exposition.clone())),
            // tonic's own router would answer every other path with 200, and so every probe that is
            // misspelt.
            Answer::Health => {
                let health = Router::new().route_service(path, health.service(MAX_MESSAGE_BYTES));
                router.merge(health.layer(from_fn(grpc_only)))
            }
        };
    }
    let all = router.fallback(async || {
        plain(StatusCode::NOT_FOUND, "there is nothing at this path\n".to_owned())
    });
    all.layer(from_fn(well_formed))
}

/// Refuses what HTTP/1.1 does not allow.
async fn well_formed(request: Request, next: Next) -> Response {
    let (status, text) = match Malformed::find(&request) {
        None => return next.run(request).await,
        Some(Malformed::Host) => (StatusCode::BAD_REQUEST, "there must be one Host header\n"),
        Some(Malformed::TransferCoding) => {
            (StatusCode::NOT_IMPLEMENTED, "the transfer coding must be chunked\n")
        }
    };
    let mut refused = plain(status, text.to_owned());
    refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    refused
}

async fn livez(State(liveness): State<Liveness>) -> Response {
    if liveness.is_stuck() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, STUCK.to_owned());
    }
    plain(StatusCode::OK, "alive\n".to_owned())
}

async fn readyz(State((liveness, readiness)): State<(Liveness, Readiness)>) -> Response {
    match readiness.now() {
        Ok(()) if liveness.is_stuck() => plain(StatusCode::SERVICE_UNAVAILABLE, STUCK.to_owned()),
        Ok(()) if !readiness.is_next_start_fit() => {
            plain(StatusCode::OK, format!("ready\n{NEXT_START}\n"))
        }
        Ok(()) => plain(StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reason.text())),
    }
}

async fn expose(State(exposition): State<Exposition>) -> Response {
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    typed(StatusCode::OK, content_type, exposition.text())
}

fn plain(status: StatusCode, text: String) -> Response {
    typed(status, PLAIN, text.into())
}

fn typed(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
