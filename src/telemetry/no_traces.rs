//! Stand-in for traces in a build without the feature `otlp`: nothing is sent.

use http::{Request, Response};
use tracing::Span;

use super::{error::LogError, gates::Lines};
use crate::config::TraceSettings;

/// Nothing.
pub(super) struct Exporter;

/// No layer; that one was asked for is warned of where the settings are read.
#[expect(clippy::unnecessary_wraps, reason = "what sends traces can fail")]
pub(super) fn layer(_: &TraceSettings) -> Result<Option<(Lines, Exporter)>, LogError> {
    Ok(None)
}

/// A disabled span.
pub(super) fn span<B>(_: &Request<B>, _: &str) -> Span {
    Span::none()
}

/// Nothing is noted.
pub(super) fn ended<B>(_: &Span, _: &Response<B>) {}
