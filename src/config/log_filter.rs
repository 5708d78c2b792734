//! The log's filter, as directives.

use tracing_subscriber::EnvFilter;

use crate::domain::invalid::Invalid;

/// Checks a filter.
pub(super) fn filter(text: &str) -> Result<String, Invalid> {
    const FORM: Invalid = Invalid(r#"must be a level or directives like "info,jeton=debug""#);
    // The library takes an empty list of directives for silence, which is written "off" here.
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
