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
    HeaderName, HeaderValue, StatusCode, Version,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{
    Exposition, Readiness,
    events::Streams,
    liveness::Liveness,
    page::policy,
    recorder::Recorder,
    standing::{STUCK, Standing},
};
use crate::{
    grpc::{Health, grpc_only},
    metrics,
    transport::Malformed,
};

/// Longest gRPC message that is read, in bytes: the name of a service.
const MAX_MESSAGE_BYTES: usize = 4 << 10;
/// Headers of the page and of its events: no other origin gets hold of either.
const OURS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answer to a request.
#[derive(Clone, Copy)]
enum Answer {
    Page,
    Events,
    Livez,
    Readyz,
    Metrics,
    Health,
}

/// Every path, and what is answered there.
const ROUTES: [(&str, Answer); 6] = [
    ("/", Answer::Page),
    ("/events", Answer::Events),
    ("/livez", Answer::Livez),
    ("/readyz", Answer::Readyz),
    ("/metrics", Answer::Metrics),
    ("/grpc.health.v1.Health/{method}", Answer::Health),
];

/// Every path that is answered; `{method}` stands for the name of one.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|(path, _)| *path)
}

/// The probes, the metrics, the page of figures, and grpc.health.v1 beside them.
pub(super) fn router(
    liveness: &Liveness,
    readiness: &Readiness,
    exposition: &Exposition,
    health: &Health,
    recorder: &Recorder,
) -> Router {
    let mut router = Router::new();
    for (path, answer) in ROUTES {
        router = match answer {
            Answer::Page => {
                let policy = HeaderValue::try_from(policy()).ok();
                let state = (recorder.clone(), policy);
                router.route(path, get(show).with_state(state))
            }
            Answer::Events => {
                router.route(path, get(follow).with_state(Streams::of(recorder.clone())))
            }
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
        return plain(StatusCode::SERVICE_UNAVAILABLE, format!("{STUCK}\n"));
    }
    plain(StatusCode::OK, "alive\n".to_owned())
}

async fn readyz(State((liveness, readiness)): State<(Liveness, Readiness)>) -> Response {
    let Standing { ready, text, warning } = Standing::now(&liveness, &readiness);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let lines = warning.map_or_else(|| format!("{text}\n"), |more| format!("{text}\n{more}\n"));
    plain(status, lines)
}

/// The page. Without a policy, which is sound, there would be none.
async fn show(State((recorder, policy)): State<(Recorder, Option<HeaderValue>)>) -> Response {
    let Some(policy) = policy else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "there is no page\n".to_owned());
    };
    let mut response = typed(StatusCode::OK, HTML, recorder.page());
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().extend(OURS);
    response
}

/// The page's events. A connection of HTTP/1.1 ends with its stream: requests behind it would wait for as long.
async fn follow(State(streams): State<Streams>, request: Request) -> Response {
    let Some(body) = streams.begin() else {
        let text = "there are too many streams: ask for / again\n".to_owned();
        let mut refused = plain(StatusCode::SERVICE_UNAVAILABLE, text);
        refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        return refused;
    };
    let mut response = typed(StatusCode::OK, EVENTS, Bytes::new());
    *response.body_mut() = body;
    response.headers_mut().extend(OURS);
    if request.version() < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
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
