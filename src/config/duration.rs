//! Durations in the form of the settings: `90s`, `15m`, `30d`, `1h 30m`.

use std::{ops::RangeInclusive, time::Duration};

use crate::domain::{
    guesses::GuessPolicy, invalid::Invalid, lockout::LockoutPolicy, policy::RotationPolicy,
};

/// Description of the form, for error messages.
pub(super) const FORM: &str = r#"a duration like "60s""#;

/// Upper limit of every duration. A longer one is a typing error.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

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
    if duration > LONGEST {
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

/// Parses the maximum wait for a hashing thread: 10 ms to 1 minute.
pub(super) fn hash_wait(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&duration) {
        return Err(Invalid("must be 10ms to 1m"));
    }
    Ok(duration)
}

/// Parses a retry window: at most [`RotationPolicy::MAX_RETRY_WINDOW`].
pub(super) fn retry_window(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration > RotationPolicy::MAX_RETRY_WINDOW {
        return Err(Invalid("must be at most 5m"));
    }
    Ok(duration)
}

/// Parses a staleness: long enough for a few reads of a database and at most a minute, or zero for
/// none.
pub(super) fn staleness(text: &str) -> Result<Duration, Invalid> {
    const ALLOWED: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(60);
    let duration = any(text)?;
    if duration.is_zero() || ALLOWED.contains(&duration) {
        return Ok(duration);
    }
    Err(Invalid("must be 200ms to 1m, or 0s"))
}

/// Parses a pause or time limit of the shutdown: at most an hour.
pub(super) fn shutdown(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration > Duration::from_secs(60 * 60) {
        return Err(Invalid("must be at most 1h"));
    }
    Ok(duration)
}

/// Parses a time limit for peers: at least a second, at most a day.
pub(super) fn limit(text: &str) -> Result<Duration, Invalid> {
    let duration = lifetime(text)?;
    if duration > Duration::from_secs(24 * 60 * 60) {
        return Err(Invalid("must be at most 24h"));
    }
    Ok(duration)
}

/// Parses the age of a connection: as [`limit`], or zero for no limit.
pub(super) fn age(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration.is_zero() { Ok(duration) } else { limit(text) }
}

/// Parses a time of the lockout: at least a second, at most [`LockoutPolicy::LONGEST`].
pub(super) fn lockout(text: &str) -> Result<Duration, Invalid> {
    let duration = lifetime(text)?;
    if duration > LockoutPolicy::LONGEST {
        return Err(Invalid("must be at most 7d"));
    }
    Ok(duration)
}

/// Parses a pause between guesses: at most [`GuessPolicy::LONGEST_PAUSE`], or zero for none.
pub(super) fn guess_pause(text: &str) -> Result<Duration, Invalid> {
    let duration = any(text)?;
    if duration > GuessPolicy::LONGEST_PAUSE {
        return Err(Invalid("must be at most 1m"));
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
    fn each_kind_of_duration_has_its_bounds() {
        assert!(any("99y").is_ok() && any("101y").is_err());
        assert!(lifetime("1s").is_ok() && lifetime("999ms").is_err());
        assert!(retry_window("0s").is_ok() && retry_window("5m").is_ok());
        assert!(retry_window("5m 1ms").is_err());
        assert!(shutdown("1h").is_ok() && shutdown("61m").is_err());
        assert!(limit("1s").is_ok() && limit("0s").is_err() && limit("25h").is_err());
        assert!(age("0s").is_ok() && age("1ms").is_err() && age("24h").is_ok());
        assert!(staleness("200ms").is_ok() && staleness("1m").is_ok() && staleness("0s").is_ok());
        assert!(staleness("199ms").is_err() && staleness("61s").is_err());
        assert!(guess_pause("0s").is_ok() && guess_pause("1m").is_ok());
        assert!(guess_pause("61s").is_err());
        assert!(lockout("7d").is_ok() && lockout("7d 1s").is_err() && lockout("0s").is_err());
    }
}
