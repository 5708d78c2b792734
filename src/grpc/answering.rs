//! Layer around every call: it times the call, bounds it, and answers it in every case.

use std::{
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use tokio::time::timeout;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{
    arriving::Arriving,
    deadlines::{Deadline, Deadlines},
    grpc_only::refusal,
    measured::{GrpcMetrics, is_good, outcome},
    own_errors::complete,
    panics::Panics,
    status::exceeded,
};
use crate::{domain::reason::Reason, metrics::Outcome, transport::Made};

/// Shared state of all calls.
pub(super) struct Answering {
    pub(super) metrics: GrpcMetrics,
    pub(super) deadlines: Deadlines,
    pub(super) panics: Panics,
}

/// The layer. Cloning shares everything in it, at one count: each call clones it.
#[derive(Clone)]
pub(super) struct AnsweringLayer(Arc<Answering>);

impl AnsweringLayer {
    pub(super) fn new(answering: Answering) -> Self {
        Self(Arc::new(answering))
    }
}

impl<S> Layer<S> for AnsweringLayer {
    type Service = Answered<S>;

    fn layer(&self, service: S) -> Answered<S> {
        Answered { service, answering: Arc::clone(&self.0) }
    }
}

/// The service behind the layer.
#[derive(Clone)]
pub(super) struct Answered<S> {
    service: S,
    answering: Arc<Answering>,
}

impl<S, A> Service<Request<A>> for Answered<S>
where
    S: Service<Request<Arriving<A>>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    /// One future for all of it, since each box and each move of the call's state costs
    /// introspection a visible part of its time.
    fn call(&mut self, request: Request<A>) -> Self::Future {
        let answering = Arc::clone(&self.answering);
        let call = answering.metrics.meter(request.uri().path()).begin();
        if let Some(refused) = refusal(&request) {
            call.end(Outcome::Failed(Reason::InvalidRequest));
            return Box::pin(async { Ok(refused) });
        }
        let deadline = answering.deadlines.of(&request);
        let request = deadline.bound_request(request);
        let answer = AssertUnwindSafe(self.service.call(request)).catch_unwind();
        Box::pin(async move {
            let mut answer = pin!(answer);
            // A call that memory answers waits for nothing, and makes no timer.
            let answered = if let Some(answered) = answer.as_mut().now_or_never() {
                Ok(answered)
            } else {
                timeout(deadline.answer, answer).await
            };
            let answer = match answered {
                Ok(Ok(answer)) => weighed(deadline.bound(answer?), &deadline),
                Ok(Err(panic)) => answering.panics.answer(&*panic),
                Err(_) => exceeded().into_http(),
            };
            if is_good(answer.headers()) {
                call.end(Outcome::Ok);
                return Ok(answer);
            }
            let answer = complete(answer);
            call.end(outcome(answer.headers()));
            Ok(answer)
        })
    }
}

/// Most of what a method that is asked by stream, which is reflection's, keeps of its answers: it makes two
/// of them ahead of its peer, each of which lies in buffers of twice its size.
const MADE_AHEAD: usize = 128 << 10;

/// The answer, which says what it keeps.
fn weighed(mut answer: Response<Body>, deadline: &Deadline) -> Response<Body> {
    if deadline.asks_by_stream() {
        answer.extensions_mut().insert(Made(MADE_AHEAD));
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use tokio::time::Instant;
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::domain::entropy::Entropy;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn request(path: &str) -> http::request::Builder {
        Request::post(path).header("content-type", "application/grpc")
    }

    const USUAL: Duration = Duration::from_secs(30);
    const ADMIN: Duration = Duration::from_secs(300);

    fn answering() -> AnsweringLayer {
        AnsweringLayer::new(Answering {
            metrics: GrpcMetrics::new(),
            deadlines: Deadlines::new(USUAL, ADMIN),
            panics: Panics::new(Arc::new(Sevens)),
        })
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_an_incident_and_without_its_text() {
        async fn broken(_: Request<Arriving<()>>) -> Result<Response<Body>, Infallible> {
            panic!("the secret is hunter2")
        }
        let service = answering().layer(service_fn(broken));
        let request = request("/jeton.v1.TokenService/Introspect").body(()).expect("a request");
        let answer = service.oneshot(request).await.expect("an answer");
        let status = Status::from_header_map(answer.headers()).expect("a status");
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        let info = status.get_error_details().error_info().cloned().expect("an ErrorInfo");
        assert_eq!(info.reason, "SERVER_ERROR");
        assert_eq!(info.metadata["incident"], "0707070707070707");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_exceeds_its_deadline() {
        async fn stuck(_: Request<Arriving<()>>) -> Result<Response<Body>, Infallible> {
            std::future::pending().await
        }
        for (path, header, waited) in [
            ("/jeton.v1.TokenService/Introspect", None, USUAL),
            ("/jeton.v1.AdminService/ListUsers", None, ADMIN),
            ("/jeton.v1.TokenService/Introspect", Some("2S"), Duration::from_secs(2)),
            ("/jeton.v1.TokenService/Introspect", Some("9H"), USUAL),
        ] {
            let service = answering().layer(service_fn(stuck));
            let mut request = request(path);
            if let Some(header) = header {
                request = request.header("grpc-timeout", header);
            }
            let began = Instant::now();
            let answer = service.oneshot(request.body(()).expect("a request")).await;
            let status = Status::from_header_map(answer.expect("an answer").headers());
            assert_eq!(status.expect("a status").code(), Code::DeadlineExceeded, "{path}");
            assert_eq!(began.elapsed().as_secs(), waited.as_secs(), "{path} {header:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_its_callers_deadline_and_one_that_is_also_asked_by_stream_at_ours() {
        use hyper::body::{Body as HttpBody, Bytes, Frame};

        struct Silent;
        impl HttpBody for Silent {
            type Data = Bytes;
            type Error = Status;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Pending
            }
        }
        async fn endless(_: Request<Arriving<()>>) -> Result<Response<Body>, Infallible> {
            Ok(Response::new(Body::new(Silent)))
        }
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        for (path, seconds) in [("/grpc.health.v1.Health/Watch", 3_600), (reflection, 30)] {
            let service = answering().layer(service_fn(endless));
            let request = request(path).header("grpc-timeout", "1H");
            let began = Instant::now();
            let answer = service.oneshot(request.body(()).expect("a request")).await;
            let mut body = answer.expect("an answer").into_body();
            let next = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let trailers = next.await.expect("a last frame").expect("no error").into_trailers();
            let status = Status::from_header_map(&trailers.expect("trailers")).expect("a status");
            assert_eq!(status.code(), Code::DeadlineExceeded);
            assert_eq!(began.elapsed().as_secs(), seconds, "{path}");
            assert!(body.is_end_stream());
        }
    }
}
