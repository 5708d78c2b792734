//! A name for each call: taken from the caller or drawn, in every log line of the call and in its answer.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http::{HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

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
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let id = self.ids.of(&request);
        let request_id = id.to_str().unwrap_or_default();
        let traced = traces::span(&request, request_id);
        let named = traced.in_scope(|| span(&request, request_id));
        let call = self.service.call(request).instrument(named);
        let ended = traced.clone();
        let answering = async move {
            let mut response = call.await?;
            traces::ended(&ended, &response);
            response.headers_mut().insert(HEADER, id);
            Ok(response)
        };
        Box::pin(answering.instrument(traced))
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
