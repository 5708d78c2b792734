//! A name for each call: taken from the caller or drawn, in every log line of the call and in its answer.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::{HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, instrument::Instrumented};

use super::traces;
use crate::domain::entropy::{Entropy, draw};

/// A name as text would be read for each call.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_CHARS: usize = 64;

/// The layer. Cloning shares the counter.
#[derive(Clone, Debug)]
pub struct RequestIds {
    next: Arc<AtomicU64>,
}

impl RequestIds {
    /// Counts from a random start, so that two processes do not name calls alike.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self { next: Arc::new(AtomicU64::new(u64::from_be_bytes(draw(entropy)))) }
    }

    /// The name of a call, which no other has: HTTP/2 sends it as such (RFC 7541 §6.2.3), since among those of a
    /// connection that were sent before it would be looked for one by one.
    fn of<B>(&self, request: &Request<B>) -> HeaderValue {
        let given = request.headers().get(HEADER);
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            let length = 1..=MAX_CHARS;
            length.contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        let mut id = given.filter(plain).cloned().unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            HeaderValue::from_bytes(&hexadecimal(number))
                .expect("hexadecimal digits are a header value")
        });
        id.set_sensitive(true);
        id
    }
}

impl<S> Layer<S> for RequestIds {
    type Service = Named<S>;

    fn layer(&self, service: S) -> Named<S> {
        Named { service, ids: self.clone() }
    }
}

/// The service behind the layer.
#[derive(Clone, Debug)]
pub struct Named<S> {
    service: S,
    ids: RequestIds,
}

impl<S, A, B> Service<Request<A>> for Named<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Naming<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let id = self.ids.of(&request);
        let request_id = id.to_str().unwrap_or_default();
        let traced = traces::span(&request, request_id);
        let named = traced.in_scope(|| span(&request, request_id));
        let call = self.service.call(request).instrument(named);
        Naming { call, id: Some(id), traced }
    }
}

pin_project! {
    /// The answer to a call, which gets the call's name.
    pub struct Naming<F> {
        #[pin]
        call: Instrumented<F>,
        id: Option<HeaderValue>,
        traced: Span,
    }
}

impl<F, B, E> Future for Naming<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _traced = this.traced.enter();
        let mut response = ready!(this.call.poll(context))?;
        traces::ended(this.traced, &response);
        if let Some(id) = this.id.take() {
            response.headers_mut().insert(HEADER, id);
        }
        Poll::Ready(Ok(response))
    }
}

/// As `{:016x}` writes it, without the machinery: once for each call.
fn hexadecimal(number: u64) -> [u8; 16] {
    let mut rest = number;
    let mut digits = [0; 16];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 0xf) as usize];
        rest >>= 4;
    }
    digits
}

/// At the default level there is a span only where something is logged about the call: introspection and
/// the checks of proxies log nothing, or a fault of a route, and are called more often than everything
/// else together.
fn span<B>(request: &Request<B>, request_id: &str) -> Span {
    let path = request.uri().path();
    let often = ["/Introspect", "/BatchIntrospect", "/Check", "/check"];
    if often.iter().any(|end| path.ends_with(end)) {
        tracing::debug_span!("call", request_id, path)
    } else {
        tracing::error_span!("call", request_id, path)
    }
}
