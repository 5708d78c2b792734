//! The redirect that brings the browser back (RFC 6749 §4.1.2, RFC 9207), judged.

use http::{Method, Uri};

use super::{OidcError, error::shown};
use crate::domain::secret::Secret;

/// Path of the redirect.
pub(super) const PATH: &str = "/callback";

/// Values that a redirect must have.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) state: Secret,
    pub(super) issuer: String,
}

/// Result of looking at one request of a browser.
#[derive(Debug)]
pub(super) enum Judged {
    /// It asks for something else, such as an icon.
    Elsewhere,
    /// It is no answer to this login: some other page has sent it.
    Foreign,
    /// The code, or the reason that there is none.
    Answer(Result<Secret, OidcError>),
}

impl Expected {
    /// Judges a request.
    pub(super) fn judge(&self, method: &Method, uri: &Uri) -> Judged {
        if uri.path() != PATH || method != Method::GET {
            return Judged::Elsewhere;
        }
        let query = uri.query().unwrap_or_default().as_bytes();
        let parameter = |name: &str| {
            let mut values = form_urlencoded::parse(query).filter(|(key, _)| key == name);
            values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.into_owned())
        };
        if parameter("state").as_deref() != Some(self.state.expose()) {
            return Judged::Foreign;
        }
        if parameter("iss").is_some_and(|issuer| issuer != self.issuer) {
            let refused = "the answer is another issuer's".to_owned();
            return Judged::Answer(Err(OidcError::Refused(refused)));
        }
        if let Some(error) = parameter("error") {
            let more = parameter("error_description").map(|more| format!(", {}", shown(&more)));
            let refused = format!("{}{}", shown(&error), more.unwrap_or_default());
            return Judged::Answer(Err(OidcError::Refused(refused)));
        }
        match parameter("code").filter(|code| !code.is_empty()) {
            Some(code) => Judged::Answer(Ok(Secret::new(code))),
            None => Judged::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(target: &str) -> Judged {
        let expected =
            Expected { state: Secret::new("s 1"), issuer: "https://a.example".to_owned() };
        expected.judge(&Method::GET, &target.parse().expect("a target"))
    }

    #[test]
    fn a_code_counts_with_the_state_of_this_login_alone() {
        for good in [
            "/callback?code=c&state=s+1",
            "/callback?state=s%201&session_state=x&code=c&iss=https%3A%2F%2Fa.example",
        ] {
            let Judged::Answer(Ok(code)) = judged(good) else { panic!("{good}") };
            assert_eq!(code.expose(), "c");
        }
        for foreign in [
            "/callback",
            "/callback?code=c",
            "/callback?code=c&state=",
            "/callback?code=c&state=s%202",
            "/callback?code=c&state=s+1&state=s+1",
            "/callback?code=c&code=d&state=s+1",
            "/callback?code=&state=s+1",
            "/callback?error=access_denied",
        ] {
            assert!(matches!(judged(foreign), Judged::Foreign), "{foreign}");
        }
        for elsewhere in ["/", "/favicon.ico", "/callback/?code=c&state=s+1"] {
            assert!(matches!(judged(elsewhere), Judged::Elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_refusal_is_shown_in_plain_characters_and_another_issuer_is_one() {
        let refused = |target: &str| {
            let Judged::Answer(Err(error)) = judged(target) else { panic!("{target}") };
            error.to_string()
        };
        let denied = "/callback?error=access_denied&error_description=no%1b%5B2J%0Away&state=s+1";
        assert_eq!(refused(denied), "the identity provider refuses: access_denied, no?[2J?way");
        let other = "/callback?code=c&state=s+1&iss=https%3A%2F%2Fb.example";
        assert!(refused(other).contains("another issuer"));
    }
}
