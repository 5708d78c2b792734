//! The redirect that brings the browser back (RFC 6749 §4.1.2, RFC 9207), judged.

use std::collections::HashMap;

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
    /// It has to name its issuer.
    pub(super) names_issuer: bool,
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
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(query) {
            // RFC 6749 §3.1: each is there once.
            if parameters.insert(name, value).is_some() {
                return Judged::Foreign;
            }
        }
        let parameter = |name: &str| parameters.get(name).map(AsRef::as_ref);
        let refused = |reason: String| Judged::Answer(Err(OidcError::Refused(reason)));
        if parameter("state") != Some(self.state.expose()) {
            return Judged::Foreign;
        }
        match parameter("iss") {
            Some(issuer) if issuer != self.issuer => {
                return refused("the answer is another issuer's".to_owned());
            }
            // RFC 9207 §2.4: without it the answer may be of any.
            None if self.names_issuer => {
                return refused("the answer does not name its issuer".to_owned());
            }
            Some(_) | None => {}
        }
        if let Some(error) = parameter("error") {
            let more = parameter("error_description").map(|more| format!(", {}", shown(more)));
            return refused(format!("{}{}", shown(error), more.unwrap_or_default()));
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
        of_a_provider_that(false, target)
    }

    /// The judgement of an answer whose provider names its issuer, or may not.
    fn of_a_provider_that(names_issuer: bool, target: &str) -> Judged {
        let issuer = "https://a.example".to_owned();
        let expected = Expected { state: Secret::new("s 1"), issuer, names_issuer };
        expected.judge(&Method::GET, &target.parse().expect("a target"))
    }

    #[test]
    fn an_answer_names_its_issuer_where_the_provider_says_that_its_answers_do() {
        for nameless in ["/callback?code=c&state=s+1", "/callback?error=access_denied&state=s+1"] {
            let judged = of_a_provider_that(true, nameless);
            let Judged::Answer(Err(error)) = judged else { panic!("{judged:?}") };
            assert!(error.to_string().contains("does not name its issuer"), "{error}");
        }
        let named = "/callback?code=c&state=s+1&iss=https%3A%2F%2Fa.example";
        assert!(matches!(of_a_provider_that(true, named), Judged::Answer(Ok(_))));
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
            "/callback?code=c&state=s+1&iss=https%3A%2F%2Fa.example&iss=https%3A%2F%2Fb.example",
            "/callback?code=c&state=s+1&iss=https%3A%2F%2Fb.example&iss=https%3A%2F%2Fb.example",
            "/callback?code=c&state=s+1&error=access_denied&error=server_error",
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
