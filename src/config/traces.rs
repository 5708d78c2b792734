//! `[traces]`: where spans are sent, and of which calls.

use http::Uri;

use super::{fields::Fields, overrides::Overrides, warning::Warning};
use crate::domain::invalid::Invalid;

/// `[traces]`: OpenTelemetry traces over OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector's gRPC endpoint, `http://` only; `None`, the default, traces nothing.
    pub endpoint: Option<String>,
    /// Of the calls that come without a trace, one in so many begins one: 1 to
    /// [`Self::MOST_ONE_IN`], default 100. Calls that come with one follow its sampled flag.
    pub one_in: u32,
}

impl TraceSettings {
    /// Largest [`Self::one_in`].
    pub const MOST_ONE_IN: u32 = 1_000_000;
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self { endpoint: None, one_in: 100 }
    }
}

impl TraceSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let declared = fields.text("endpoint", "a URL", endpoint).map(|endpoint| endpoint.value);
        let one_in = fields.count("one_in", Self::MOST_ONE_IN).map(|one_in| one_in.value);
        let endpoint = overrides.traces_endpoint.clone().or(declared);
        if endpoint.is_some() && !cfg!(feature = "otlp") {
            fields.report().warn(Warning::NoTraces);
        }
        Self { endpoint, one_in: one_in.unwrap_or(Self::default().one_in) }
    }
}

/// Checks the URL of a collector.
pub(super) fn endpoint(text: &str) -> Result<String, Invalid> {
    let fault = Invalid(r#"must be the URL of a collector like "http://127.0.0.1:4317""#);
    let uri: Uri = text.parse().map_err(|_| fault)?;
    let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    // It is shown where it cannot be reached, so it holds no password.
    if !plain || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(fault);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_are_reached_over_plain_http() {
        for text in ["http://127.0.0.1:4317", "http://collector.observability:4317/"] {
            assert_eq!(endpoint(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "127.0.0.1:4317",
            "https://a:4317",
            "http://a:4317/v1/traces",
            "http://",
            "http://a:b@c:4317",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
