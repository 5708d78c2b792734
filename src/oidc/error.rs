//! Reasons for which nobody is logged in at an identity provider.

use std::io;

use thiserror::Error;

use crate::{domain::invalid::Invalid, jwks::GetError};

/// Reason for which nobody is logged in. The provider's text is shown in plain characters, and shortened.
#[derive(Debug, Error)]
pub enum OidcError {
    /// The text is no issuer.
    #[error("the issuer {0}")]
    Issuer(Invalid),
    /// The provider gives no answer.
    #[error("the identity provider, {place}: {error}")]
    Unreachable {
        /// The URL.
        place: String,
        /// Cause.
        error: GetError,
    },
    /// The answer is not what the specification has.
    #[error("the identity provider, {place}: {problem}")]
    Unusable {
        /// The URL.
        place: String,
        /// The broken rule.
        problem: &'static str,
    },
    /// No port for the browser to come back to.
    #[error("no address of this machine for the browser to come back to: {0}")]
    NoPort(#[source] io::Error),
    /// The provider or the person has refused.
    #[error("the identity provider refuses: {0}")]
    Refused(String),
    /// The browser did not come back in time.
    #[error("nobody logged in in time")]
    TimedOut,
    /// The ID token is for something else.
    #[error("the ID token {0}")]
    IdToken(&'static str),
}

/// Text of others for people: letters of ASCII, and no more than a line of them.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
