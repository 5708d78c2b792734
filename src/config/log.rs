//! `[log]`: what is logged, and how it looks.

use tracing_subscriber::EnvFilter;

use super::{fields::Fields, overrides::Overrides};
use crate::domain::invalid::Invalid;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads `auto`, `human` or `json`.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(Invalid(r#"must be "auto", "human" or "json""#)),
        }
    }
}

/// `[log]`: the log on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Default [`LogFormat::Auto`].
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
        let format = fields.text("format", "a string", LogFormat::parse);
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

/// Checks a filter.
pub(super) fn filter(text: &str) -> Result<String, Invalid> {
    const FORM: Invalid = Invalid(r#"must be a level or directives like "info,jeton=debug""#);
    // To the library no directive at all means silence, which is written "off".
    if text.split(',').all(|directive| directive.trim().is_empty()) {
        return Err(FORM);
    }
    EnvFilter::builder().parse(text).map_err(|_| FORM)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_directives() {
        for text in ["info", "off", "warn,jeton=trace", "jeton[call]=debug"] {
            assert_eq!(filter(text), Ok(text.to_owned()));
        }
        for text in ["jeton=loud", "jeton[call=debug", "", " ", ","] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
