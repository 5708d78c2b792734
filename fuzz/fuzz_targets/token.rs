//! Token text: what is read is written back as the very same text, and nothing panics.

#![no_main]

use jeton::domain::{
    client_id::ClientId,
    scopes::Scopes,
    subject::UserId,
    token::{TOKEN_CHARS, Token},
    user_name::UserName,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(token) = Token::parse(text) {
        assert_eq!(text.len(), TOKEN_CHARS);
        assert_eq!(token.to_text().expose(), text);
    }
    // The other texts that a caller sends as they come.
    if let Ok(id) = ClientId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(scopes) = Scopes::parse(text) {
        assert_eq!(Scopes::parse(scopes.as_str()).ok(), Some(scopes));
    }
    if let Ok(name) = UserName::parse(text) {
        // Normalising is done once and for all: two readings of a name are one user.
        assert_eq!(UserName::parse(name.as_str()).ok(), Some(name));
    }
    if let Some(id) = UserId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
});
