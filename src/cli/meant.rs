//! Refuses what cannot be meant as a token, a secret or an id, and says what it is instead.

use thiserror::Error;

use crate::{
    app::{TOKEN_CHARS, Token, TokenKind, UserId, is_generated, is_jwt},
    config::may_be_secret,
    domain::secret::Secret,
};

/// Reason for which a text is not of the kind that a command asks for. None of these quotes it: it
/// may hold a secret.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum NotMeant {
    /// Nothing but white space.
    #[error("there is no token on standard input")]
    NoToken,
    /// The output of `--output json`.
    #[error("that is JSON, not a token: print the token alone, with --field access_token")]
    Json,
    /// An HTTP header, or the value of one.
    #[error("a token is given alone, without Bearer before it")]
    Bearer,
    /// A token in quotes.
    #[error("a token is given without quotes around it")]
    Quoted,
    /// A table, two tokens, or a token with words around it.
    #[error("that is {0} words; a command takes one token, alone")]
    Words(usize),
    /// A client's secret.
    #[error("that is a client's secret, not a token")]
    ClientSecret,
    /// A text of another origin.
    #[error("that is no token of jeton: those begin with jat_ (access) or jrt_ (refresh)")]
    Foreign,
    /// A token that lost its end, or got one more.
    #[error(
        "a token has {TOKEN_CHARS} characters, this has {0}: was all of it copied, and no more?"
    )]
    Cut(usize),
    /// A token with a character changed.
    #[error("that is no token: it holds a character that no token has there")]
    Garbled,
    /// An access token in place of a refresh token.
    #[error("that is an access token: a refresh takes the refresh token, which begins with jrt_")]
    NotRefresh,
    /// The text was to be set as a secret.
    #[error("that is JSON, not a secret: give the secret alone")]
    SecretInJson,
    /// The text was to be set as a secret.
    #[error("a secret is given without quotes around it")]
    SecretQuoted,
    /// The text was to be set as a secret.
    #[error("that is a token, which is no secret to choose")]
    SecretIsToken,
    /// An argument that a variable should have filled.
    #[error("is empty: is a variable unset?")]
    Empty,
    /// A user's id where the service takes a login name alone.
    #[error("is a user's id, and a login takes the login name: jeton user get shows it")]
    NoLoginName,
    /// Every process of the machine has seen it.
    #[error("is a token or a secret, which others may have seen by now: revoke or rotate it")]
    Exposed,
}

/// The one token that `text` is, without the white space around it.
pub(super) fn token(text: &str) -> Result<&str, NotMeant> {
    let text = text.trim();
    let words = text.split_whitespace().count();
    let quote = |c| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
    if text.is_empty() {
        return Err(NotMeant::NoToken);
    }
    if text.starts_with(['{', '[']) {
        return Err(NotMeant::Json);
    }
    let first = text.split(|c: char| c.is_whitespace() || c == ':').next().unwrap_or_default();
    if ["bearer", "authorization"].contains(&first.to_ascii_lowercase().as_str()) {
        return Err(NotMeant::Bearer);
    }
    if words > 1 {
        return Err(NotMeant::Words(words));
    }
    if text.starts_with(quote) || text.ends_with(quote) {
        return Err(NotMeant::Quoted);
    }
    if is_generated(&Secret::new(text)) {
        return Err(NotMeant::ClientSecret);
    }
    if is_jwt(text) {
        return Ok(text);
    }
    if !["jat_", "jrt_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(NotMeant::Foreign);
    }
    let length = text.chars().count();
    if length != TOKEN_CHARS {
        return Err(NotMeant::Cut(length));
    }
    Token::parse(text).map(|_| text).ok_or(NotMeant::Garbled)
}

/// As [`token`], for a refresh.
pub(super) fn refresh_token(text: &str) -> Result<&str, NotMeant> {
    let text = token(text)?;
    let refresh = Token::parse(text).is_some_and(|token| token.kind == TokenKind::Refresh);
    if refresh { Ok(text) } else { Err(NotMeant::NotRefresh) }
}

/// Refuses to set as a secret what was printed or copied in place of one.
pub(super) fn secret(text: &str) -> Result<(), NotMeant> {
    if serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(text).is_ok() {
        return Err(NotMeant::SecretInJson);
    }
    let quoted = |quote| text.len() > 2 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') {
        return Err(NotMeant::SecretQuoted);
    }
    if Token::parse(text).is_some() { Err(NotMeant::SecretIsToken) } else { Ok(()) }
}

/// An argument that must say something: an id, a name, an etag.
pub(super) fn given(text: &str) -> Result<String, NotMeant> {
    if text.is_empty() {
        return Err(NotMeant::Empty);
    }
    if may_be_secret(text) {
        return Err(NotMeant::Exposed);
    }
    Ok(text.to_owned())
}

/// The name that a user logs in with.
pub(super) fn login_name(text: &str) -> Result<String, NotMeant> {
    let name = given(text)?;
    if UserId::parse(&name).is_some() { Err(NotMeant::NoLoginName) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::new_client_secret;

    #[test]
    fn a_text_that_is_no_token_is_said_to_be_what_it_is() {
        let cases = [
            (" \n", NotMeant::NoToken),
            (r#"{"access_token":"jat_x"}"#, NotMeant::Json),
            ("Bearer jat_x", NotMeant::Bearer),
            ("authorization: bearer jat_x", NotMeant::Bearer),
            ("\"jat_x\"", NotMeant::Quoted),
            ("access_token  jat_x\ntoken_type  Bearer", NotMeant::Words(4)),
            ("eyJhbGciOiJub25lIn0.e30.", NotMeant::Foreign),
            ("jat_x", NotMeant::Cut(5)),
        ];
        for (text, why) in cases {
            assert_eq!(token(text), Err(why), "{text}");
        }
        let garbled = format!("jat_{}", "-".repeat(TOKEN_CHARS - 4));
        assert_eq!(token(&garbled), Err(NotMeant::Garbled));
        let generated = new_client_secret();
        assert_eq!(token(generated.expose()), Err(NotMeant::ClientSecret));
        assert_eq!(given(generated.expose()), Err(NotMeant::Exposed));
    }

    #[test]
    fn a_secret_to_set_is_one_and_not_what_stood_around_it() {
        assert_eq!(secret(r#"{"client_secret":"x"}"#), Err(NotMeant::SecretInJson));
        assert_eq!(secret("\"seven purple elephants\""), Err(NotMeant::SecretQuoted));
        assert_eq!(secret("'seven purple elephants'"), Err(NotMeant::SecretQuoted));
        for good in ["seven \"purple\" elephants", "{seven purple", "it's", "\""] {
            assert_eq!(secret(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_name_may_look_like_the_beginning_of_a_secret() {
        assert_eq!(given("jat_reports").as_deref(), Ok("jat_reports"));
        assert_eq!(given(""), Err(NotMeant::Empty));
    }
}
