//! Durations in the form of the settings: `90s`, `15m`, `30d`, `1h 30m`.

use std::time::Duration;

use super::value::{Amount, in_units};
use crate::domain::{invalid::Invalid, time::LONGEST_DURATION};

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Description of the form, for error messages.
pub(super) const FORM: &str = r#"a duration like "60s""#;

impl Amount for Duration {
    const FORM: &'static str = FORM;

    fn parse(text: &str) -> Result<Self, Invalid> {
        any(text)
    }

    fn shown(&self) -> String {
        if self.is_zero() {
            return "0s".to_owned();
        }
        let units = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND)];
        let units = units.map(|(name, unit)| (unit.as_millis(), name));
        // A single day is 24h.
        in_units(self.as_millis(), &units[usize::from(*self <= DAY)..])
    }
}

/// Parses any duration of at most 100 years, including zero.
///
/// # Errors
/// Fails for other text, and for `15M`: the library takes it for 15 months, its author meant 15
/// minutes.
pub fn any(text: &str) -> Result<Duration, Invalid> {
    if text.contains('M') {
        return Err(Invalid("must not hold M, which stands for months: write 15m or 15 minutes"));
    }
    let duration =
        humantime::parse_duration(text).map_err(|_| Invalid(r#"must be a duration like "60s""#))?;
    if duration > LONGEST_DURATION {
        return Err(Invalid("must be at most 100 years"));
    }
    Ok(duration)
}

/// Parses a token's lifetime: at least a second, since the API counts `expires_in` in seconds.
pub(super) fn lifetime(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration < Duration::from_secs(1) {
        return Err(Invalid("must be at least 1s"));
    }
    Ok(duration)
}

/// Parses the interval between two readings of an issuer's keys: 10 seconds to a day.
pub(super) fn refresh_interval(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration < 10 * SECOND || duration > DAY {
        return Err(Invalid("must be 10s to 24h"));
    }
    Ok(duration)
}

/// Parses the longest use of an issuer's keys after they were last read: a minute to 30 days.
pub(super) fn key_age(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration < MINUTE || duration > 30 * DAY {
        return Err(Invalid("must be 1m to 30d"));
    }
    Ok(duration)
}

/// Parses the tolerated difference to an issuer's clock: at most 5 minutes.
pub(super) fn clock_skew(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration > 5 * MINUTE {
        return Err(Invalid("must be at most 5m"));
    }
    Ok(duration)
}

/// Parses the longest life of an assertion: a second to 7 days.
pub(super) fn assertion(text: &str) -> Result<Duration, Invalid> {
    let duration = lifetime(text)?;
    if duration > 7 * DAY {
        return Err(Invalid("must be at most 7d"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("0s", 0), ("60s", 60), ("1h 30m", 5_400), ("30d", 2_592_000)] {
            assert_eq!(any(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "60", "-1s", "s", "1 fortnight", "60 s s", "99999999999999999999s"] {
            assert!(any(text).is_err(), "{text}");
        }
        assert_eq!(any("15 minutes"), any("15m"));
        for text in ["15M", "1h 15M", "1 M"] {
            let refused = any(text).expect_err("refused").to_string();
            assert!(refused.contains("write 15m or 15 minutes"), "{refused}");
        }
    }

    #[test]
    fn durations_are_shown_in_the_largest_unit_that_fits() {
        for text in ["0s", "750ms", "1s", "90s", "1m", "1h", "24h", "7d"] {
            assert_eq!(any(text).expect(text).shown(), text);
        }
        assert_eq!(any("60s").expect("a minute").shown(), "1m");
    }

    #[test]
    fn each_kind_of_duration_has_its_bounds() {
        assert!(any("99y").is_ok() && any("101y").is_err());
        assert!(lifetime("1s").is_ok() && lifetime("999ms").is_err());
        assert!(refresh_interval("10s").is_ok() && refresh_interval("24h").is_ok());
        assert!(refresh_interval("9s").is_err() && refresh_interval("25h").is_err());
        assert!(key_age("1m").is_ok() && key_age("59s").is_err() && key_age("31d").is_err());
        assert!(clock_skew("0s").is_ok() && clock_skew("5m 1s").is_err());
        assert!(assertion("7d").is_ok() && assertion("0s").is_err() && assertion("8d").is_err());
    }
}
