//! OpenTelemetry spans over OTLP: one for each call, in the trace that its caller is in.
//!
//! The spans have a target of their own, which the layer here takes alone and the log leaves out.

use http::{HeaderMap, Request, Response};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Span, field::Empty, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer as _, filter::filter_fn};

use super::{
    error::LogError,
    gates::{Lines, TRACES},
};
use crate::config::TraceSettings;

/// Sends spans until it is dropped, which waits, for five seconds at most, until all are sent.
pub(super) struct Exporter(SdkTracerProvider);

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "some spans were not sent");
        }
    }
}

/// The layer that sends spans, if they are to be sent anywhere.
///
/// # Errors
/// When the exporter cannot be made.
pub(super) fn layer(settings: &TraceSettings) -> Result<Option<(Lines, Exporter)>, LogError> {
    let Some(endpoint) = &settings.endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter = exporter.map_err(|error| LogError::Traces(error.to_string()))?;
    let sampler = Sampler::TraceIdRatioBased(1.0 / f64::from(settings.one_in));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("jeton").with_attribute(version).build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("jeton"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(
            filter_fn(|met| met.target() == TRACES).with_max_level_hint(LevelFilter::INFO),
        );
    Ok(Some((Box::new(layer), Exporter(provider))))
}

/// The span of a call, which goes on with the trace of its headers (W3C Trace Context), if they name
/// one. A disabled one where nothing is sent.
pub(super) fn span<B>(request: &Request<B>, request_id: &str) -> Span {
    let path = request.uri().path();
    let span = tracing::info_span!(
        target: TRACES,
        "call",
        otel.name = path.trim_start_matches('/'),
        otel.kind = "server",
        otel.status_code = Empty,
        request_id,
        rpc.grpc.status_code = Empty,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
        if parent.span().span_context().is_valid() {
            adopt(&span, parent);
        }
    }
    span
}

fn adopt(span: &Span, parent: Context) {
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "a span stands outside of its caller's trace");
    }
}

/// Notes how the call ended: a failure of the server's own makes it an error
/// (OpenTelemetry's conventions for gRPC and HTTP servers).
pub(super) fn ended<B>(span: &Span, response: &Response<B>) {
    if span.is_disabled() {
        return;
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
    let code = code.and_then(|code| code.parse::<u8>().ok());
    if let Some(code) = code {
        span.record("rpc.grpc.status_code", code);
    }
    if status.is_server_error() || code.is_some_and(is_server_error) {
        span.record("otel.status_code", "ERROR");
    }
}

/// UNKNOWN, `DEADLINE_EXCEEDED`, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and `DATA_LOSS`.
fn is_server_error(code: u8) -> bool {
    matches!(code, 2 | 4 | 12 | 13 | 14 | 15)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
