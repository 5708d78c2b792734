//! Moments and durations as text: RFC 3339, and what the settings file takes (`90s`, `15m`, `30d`).

use std::time::{Duration, SystemTime};

use crate::config;

/// RFC 3339, in UTC.
pub(super) fn moment(moment: Option<prost_types::Timestamp>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

/// RFC 3339, of milliseconds since 1970.
pub(super) fn time_of_millis(millis: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A duration in the largest unit that divides it; `None` for none, and for a negative one, which
/// nothing sends.
pub(super) fn duration(duration: Option<prost_types::Duration>) -> Option<String> {
    const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    let duration = Duration::try_from(duration?).ok()?;
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 {
        return Some(format!("{}ms", duration.as_millis()));
    }
    let fits = |(unit, _): &&(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    let (unit, name) = UNITS.iter().find(fits).unwrap_or(&(1, "s"));
    Some(format!("{}{name}", seconds / unit))
}

/// Reads a duration from an argument.
pub(super) fn parse(text: &str) -> Result<prost_types::Duration, String> {
    let duration = config::duration(text).map_err(|invalid| invalid.to_string())?;
    prost_types::Duration::try_from(duration).map_err(|_| "longer than can be said".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_printed_as_it_may_be_typed() {
        for text in ["0s", "1s", "90s", "15m", "1h", "25h", "30d", "90d", "1500ms"] {
            assert_eq!(duration(parse(text).ok()).as_deref(), Some(text));
        }
        assert_eq!(duration(parse("60s").ok()).as_deref(), Some("1m"));
        assert_eq!(duration(None), None);
        assert!(parse("60").is_err() && parse("-1s").is_err());
        assert!(parse("15M").is_err_and(|why| why.contains("write 15m or 15 minutes")));
    }
}
