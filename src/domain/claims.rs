//! The claims of an assertion, and the rules that every kind of assertion has to keep.

use std::{fmt, time::Duration};

use super::{cause::Cause, time::Timestamp};

/// Claims of a JWT whose signature was verified (RFC 7519 §4.1), with the `typ` of its header. A claim
/// that is not there is `None`, or empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// `typ` of the header.
    pub media_type: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`: a text is a list of one.
    pub audience: Vec<String>,
    /// `exp`.
    pub expire_time: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issue_time: Option<Timestamp>,
    /// `jti`.
    pub id: Option<String>,
    /// `kubernetes.io`.`serviceaccount`.`uid`: it differs between accounts of one name, of which the
    /// later took the place of a deleted one.
    pub account_uid: Option<String>,
}

/// The time in which an assertion is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Difference between the issuer's clock and ours that does no harm.
    pub clock_skew: Duration,
    /// Longest time from the issue of an assertion to its expiry; from now, if it does not have the
    /// time of its issue.
    pub max_lifetime: Duration,
}

/// `typ` of client assertions: JWTs (RFC 7519 §5.1), explicitly typed ones
/// (draft-ietf-oauth-rfc7523bis §2.2), and JWT-SVIDs (JWT-SVID §2.4).
const MEDIA_TYPES: [&str; 3] = ["jwt", "client-authentication+jwt", "jose"];

impl Claims {
    /// Refuses a JWT that its `typ` makes something else, like an access token (RFC 9068 §2.1) or a
    /// logout token: good signatures on those must not authenticate (RFC 8725 §3.11).
    ///
    /// # Errors
    /// `WrongMediaType`.
    pub fn check_media_type(&self) -> Result<(), Cause> {
        let Some(media_type) = &self.media_type else { return Ok(()) };
        let lower = media_type.to_ascii_lowercase();
        let name = lower.strip_prefix("application/").unwrap_or(&lower);
        if MEDIA_TYPES.contains(&name) { Ok(()) } else { Err(Cause::WrongMediaType) }
    }

    /// Refuses an assertion that others than `audience` could be shown too: one of them could show it
    /// here (draft-ietf-oauth-rfc7523bis §3).
    ///
    /// # Errors
    /// `WrongAudience` unless it is the only one.
    pub fn check_audience(&self, audience: &str) -> Result<(), Cause> {
        match self.audience.as_slice() {
            [only] if only == audience => Ok(()),
            _ => Err(Cause::WrongAudience),
        }
    }

    /// Returns the time of expiry, if the assertion is good now.
    ///
    /// # Errors
    /// `UnreadableAssertion` without an expiry, or with one before the issue. `ExpiredAssertion`,
    /// `EarlyAssertion`, `LongAssertion`.
    pub fn check_time(&self, validity: Validity, now: Timestamp) -> Result<Timestamp, Cause> {
        let Validity { clock_skew, max_lifetime } = validity;
        let expire_time = self.expire_time.ok_or(Cause::UnreadableAssertion)?;
        if now >= expire_time.after(clock_skew) {
            return Err(Cause::ExpiredAssertion);
        }
        let mut beginnings = self.not_before.iter().chain(&self.issue_time);
        if beginnings.any(|beginning| *beginning > now.after(clock_skew)) {
            return Err(Cause::EarlyAssertion);
        }
        let latest = match self.issue_time {
            Some(issued) if issued > expire_time => return Err(Cause::UnreadableAssertion),
            Some(issued) => issued.after(max_lifetime),
            None => now.after(max_lifetime).after(clock_skew),
        };
        if expire_time > latest { Err(Cause::LongAssertion) } else { Ok(expire_time) }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALIDITY: Validity =
        Validity { clock_skew: Duration::from_secs(30), max_lifetime: Duration::from_secs(3_600) };

    fn second(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn timed(issued: Option<u64>, from: Option<u64>, until: Option<u64>) -> Claims {
        Claims {
            issue_time: issued.map(second),
            not_before: from.map(second),
            expire_time: until.map(second),
            ..Claims::default()
        }
    }

    #[test]
    fn other_tokens_of_the_issuer_are_no_assertions() {
        let typed = |media_type: &str| Claims {
            media_type: Some(media_type.to_owned()),
            ..Claims::default()
        };
        assert_eq!(Claims::default().check_media_type(), Ok(()));
        for good in ["JWT", "jwt", "application/jwt", "JOSE", "client-authentication+jwt"] {
            assert_eq!(typed(good).check_media_type(), Ok(()), "{good}");
        }
        for bad in ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "dpop+jwt", "", "x"] {
            assert_eq!(typed(bad).check_media_type(), Err(Cause::WrongMediaType), "{bad}");
        }
    }

    #[test]
    fn the_audience_is_this_server_and_nothing_else() {
        const HERE: &str = "https://tokens.example";
        let meant = |audience: &[&str]| Claims {
            audience: audience.iter().map(ToString::to_string).collect(),
            ..Claims::default()
        };
        assert_eq!(meant(&[HERE]).check_audience(HERE), Ok(()));
        let there = "https://tokens.example/oauth2/token";
        for bad in
            [&[][..], &["https://tokens.example/"], &[there], &[HERE, there], &[HERE, HERE], &[""]]
        {
            assert_eq!(meant(bad).check_audience(HERE), Err(Cause::WrongAudience), "{bad:?}");
        }
    }

    #[test]
    fn the_edges_of_time_are_moved_by_the_skew_and_no_further() {
        let at = |claims: &Claims, now| claims.check_time(VALIDITY, second(now));
        let claims = timed(Some(1_000), Some(1_000), Some(2_000));
        assert_eq!(at(&claims, 969), Err(Cause::EarlyAssertion));
        assert_eq!(at(&claims, 970), Ok(second(2_000)));
        assert_eq!(at(&claims, 2_029), Ok(second(2_000)));
        assert_eq!(at(&claims, 2_030), Err(Cause::ExpiredAssertion));
        let later = timed(None, Some(1_100), Some(2_000));
        assert_eq!(at(&later, 1_069), Err(Cause::EarlyAssertion));
        assert_eq!(at(&timed(Some(1_000), None, None), 1_000), Err(Cause::UnreadableAssertion));
        let backwards = timed(Some(1_010), None, Some(1_005));
        assert_eq!(at(&backwards, 1_006), Err(Cause::UnreadableAssertion));
    }

    #[test]
    fn a_life_is_counted_from_the_issue_and_else_from_now() {
        let at = |claims: &Claims, now| claims.check_time(VALIDITY, second(now));
        assert!(at(&timed(Some(1_000), None, Some(4_600)), 1_000).is_ok());
        assert_eq!(at(&timed(Some(1_000), None, Some(4_601)), 4_600), Err(Cause::LongAssertion));
        assert!(at(&timed(None, None, Some(4_630)), 1_000).is_ok());
        assert_eq!(at(&timed(None, None, Some(4_631)), 1_000), Err(Cause::LongAssertion));
        let forever = timed(None, None, Some(u64::MAX / 1_000));
        assert_eq!(at(&forever, 1_000), Err(Cause::LongAssertion));
    }

    #[test]
    fn claims_are_not_printed() {
        let claims = Claims { subject: Some("alice".to_owned()), ..Claims::default() };
        assert_eq!(format!("{claims:?}"), "Claims(…)");
    }
}
