//! `[traces]`: the collector of spans, and the sampling of calls.

use super::{address::endpoint, fields::Fields, overrides::Overrides, warning::Warning};

/// `[traces]`: OpenTelemetry traces over OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector's gRPC endpoint, `http://` only. `None`, the default, disables traces.
    pub endpoint: Option<String>,
    /// Of this number of calls without a trace, one begins a trace: 1 to [`Self::MOST_ONE_IN`],
    /// default 100. Calls with a trace follow its sampled flag.
    pub one_in: u32,
}

impl TraceSettings {
    /// Maximum of [`Self::one_in`].
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
