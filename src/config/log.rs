//! `[log]`: the contents and the format of the log.

use super::{
    choice::{self, LogFormat},
    fields::Fields,
    log_filter::filter,
    overrides::Overrides,
};

/// `[log]`: the log on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Format of the lines. Default [`LogFormat::Auto`].
    pub format: LogFormat,
    /// A level, or directives of tracing-subscriber's `EnvFilter`. Default `info`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info".into() }
    }
}

impl LogSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let format = fields.text("format", "a string", choice::log_format);
        let declared = fields.text("filter", "a string", filter).map(|filter| filter.value);
        Self {
            format: overrides
                .log_format
                .or_else(|| format.map(|format| format.value))
                .unwrap_or_default(),
            filter: overrides.log.clone().or(declared).unwrap_or_else(|| Self::default().filter),
        }
    }
}
