//! `[traces]`: the collector of spans, and the sampling of calls.

use crate::config::{
    address::endpoint,
    fields::Fields,
    section::section,
    value::{count, text},
    warning::Warning,
};

section! {
    /// OpenTelemetry traces over OTLP/gRPC. It takes a build with the feature otlp.
    pub struct TraceSettings in "traces" {
        /// The OpenTelemetry collector that traces are sent to, in a build that has them.
        ///
        /// Without it there are no traces.
        endpoint: Option<String> = text("a URL", endpoint, String::clone)
            .optional()
            .flag("traces-endpoint", "URL")
            .example("http://127.0.0.1:4317"),
        /// Of this number of calls without a trace, one begins a trace.
        ///
        /// A call with a trace (traceparent) follows its sampled flag.
        one_in: u32 = count(1..=1_000_000).or(100),
    }
}

impl TraceSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let settings = Self::read_all(fields);
        if settings.endpoint.is_some() && !cfg!(feature = "otlp") {
            fields.report().warn(Warning::NoTraces);
        }
        settings
    }
}
