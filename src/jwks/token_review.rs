//! The question to an issuer about one of its tokens: `TokenReview` of `authentication.k8s.io/v1`.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::https::{self, GetError};
use crate::{
    config::KeyUrl,
    domain::{secret::Secret, token_review::TokenReview},
};

/// Longest answer, in bytes. It repeats the token, of 16 KiB at most.
const MAX_BYTES: usize = 64 * 1024;
const VERSION: &str = "authentication.k8s.io/v1";
const KIND: &str = "TokenReview";

/// Reason for which there is no answer about a token. Names the URL, and nothing of the token or of the
/// answer.
#[derive(Debug, Error)]
pub enum ReviewError {
    /// The URL cannot be asked.
    #[error("{uri}: {error}")]
    Url {
        /// The URL.
        uri: String,
        /// Cause.
        error: GetError,
    },
    /// The answer is something else than a review.
    #[error("{uri}: the answer is no TokenReview")]
    Malformed {
        /// The URL.
        uri: String,
    },
}

impl ReviewError {
    /// Returns whether only a change of files, settings or permissions can help.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Url { error: GetError::Status(status), .. } => {
                status.is_redirection() || matches!(status.as_u16(), 400 | 401 | 403 | 404 | 405)
            }
            Self::Url { error, .. } => error.is_lasting(),
            Self::Malformed { .. } => true,
        }
    }
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(rename = "apiVersion")]
    version: &'a str,
    kind: &'a str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Spec<'a> {
    token: &'a str,
    audiences: [&'a str; 1],
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "apiVersion")]
    version: String,
    kind: String,
    status: Status,
}

/// The API server leaves out what is `false` or empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    audiences: Vec<String>,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
    uid: String,
}

/// Asks an issuer about a token that is meant for `audience`. Within 10 seconds.
///
/// # Errors
/// See [`ReviewError`]. A token that is not good is an answer.
pub async fn review_token(
    url: &KeyUrl,
    token: &Secret,
    audience: &str,
) -> Result<TokenReview, ReviewError> {
    let spec = Spec { token: token.expose(), audiences: [audience] };
    let question = Question { version: VERSION, kind: KIND, spec };
    let malformed = || ReviewError::Malformed { uri: url.uri.to_string() };
    let question = serde_json::to_vec(&question).map_err(|_| malformed())?;
    let asked = https::post_json(url, Zeroizing::new(question), MAX_BYTES).await;
    let answer = asked.map_err(|error| ReviewError::Url { uri: url.uri.to_string(), error })?;
    read(&answer).ok_or_else(malformed)
}

fn read(answer: &[u8]) -> Option<TokenReview> {
    let Answer { version, kind, status } = serde_json::from_slice(answer).ok()?;
    let Status { authenticated, audiences, user } = status;
    let is_review = version == VERSION && kind == KIND;
    is_review.then_some(TokenReview {
        authenticated,
        audiences,
        username: user.username,
        uid: user.uid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_whole_token_review_or_none() {
        let review = |rest: &str| format!(r#"{{"apiVersion":"{VERSION}","kind":"{KIND}"{rest}}}"#);
        let yes = r#","spec":{"token":"t"},"status":{"authenticated":true,"user":
            {"username":"a","uid":"u","extra":{"x":["y"]}},"audiences":["h"]}"#;
        let yes = read(review(yes).as_bytes()).expect("a review");
        assert!(yes.authenticated && yes.username == "a" && yes.uid == "u");
        assert_eq!(yes.audiences, ["h"]);
        let no = read(review(r#","status":{"user":{},"error":"invalid"}"#).as_bytes());
        assert!(!no.expect("a review").authenticated);
        for other in [
            "",
            "{}",
            "[]",
            r#"{"status":{"authenticated":true}}"#,
            r#"{"apiVersion":"v1","kind":"Status","status":"Failure"}"#,
            &review(""),
            &review(r#","status":null"#),
            &review(r#","status":{"authenticated":"true"}"#),
            &review(r#","status":{"authenticated":false,"authenticated":true}"#),
            &review(r#","status":{"authenticated":true,"audiences":"h"}"#),
        ] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
