//! Recognizes secrets by their form, where people paste them into the wrong place.

use crate::domain::invalid::Invalid;

/// Prefixes of the tokens of jeton, and of generated client secrets.
const PREFIXES: [&str; 3] = ["jat_", "jrt_", "jcs_"];
/// Letters and digits behind it from which on it is no name: a secret may have lost its end.
const LETTERS: usize = 12;
/// A password in libpq's connection strings.
const PASSWORD: &str = "password=";
/// Text in the place of a secret.
const INSTEAD: &str = "[secret]";

/// Returns whether a text may hold a secret: a token or a generated secret of jeton, even if it was
/// cut; a JWT; a hash in the PHC string format or crypt's; a private key; a URL or a connection
/// string with a password.
pub fn may_be_secret(text: &str) -> bool {
    is_ours(text)
        || is_jwt(text)
        || is_hash(text)
        || text.contains("-----BEGIN")
        || has_password(text)
        || is_connection_string(text)
}

/// Returns the text, with `[secret]` in the place of each word that may be one. The text ends at
/// the beginning of a key in PEM.
pub fn without_secrets(text: &str) -> String {
    let (text, key) = match text.split_once("-----BEGIN") {
        Some((text, _)) => (text, INSTEAD),
        None => (text, ""),
    };
    let between = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | ',');
    let words = text.split_inclusive(between).map(|word| {
        let bare = word.trim_end_matches(between);
        if may_be_secret(bare) || bare.starts_with(PASSWORD) {
            format!("{INSTEAD}{}", &word[bare.len()..])
        } else {
            word.to_owned()
        }
    });
    words.chain([key.to_owned()]).collect()
}

/// Reads a name by `parse`.
///
/// # Errors
/// As `parse`, and for what may be a secret: a name is shown in logs, lists and answers.
pub(super) fn name<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<T, Invalid> {
    if may_be_secret(text) {
        return Err(Invalid("must be a name, not a token or a secret"));
    }
    parse(text)
}

fn is_ours(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| {
        text.match_indices(prefix).any(|(at, _)| {
            let letters = text[at + prefix.len()..].bytes();
            letters.take_while(u8::is_ascii_alphanumeric).count() >= LETTERS
        })
    })
}

/// Three parts of base64url, the first of which is a JSON object (RFC 7519 §3).
fn is_jwt(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let of_jwt = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let jwt: String = text[at..].chars().take_while(of_jwt).collect();
        jwt.matches('.').count() >= 2
    })
}

/// `$argon2id$v=19$…`, `$2b$12$…`.
fn is_hash(text: &str) -> bool {
    text.split_once('$').is_some_and(|(_, hash)| {
        let (name, rest) = hash.split_once('$').unwrap_or_default();
        let named =
            !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        named && rest.len() >= LETTERS
    })
}

/// `host=db password=x`.
fn is_connection_string(text: &str) -> bool {
    let mut words = text.split_whitespace();
    text.contains('=') && words.clone().count() > 1 && words.any(|word| word.starts_with(PASSWORD))
}

/// Returns whether there may be a password before the host (RFC 3986 §3.2.1), also where the URL
/// lacks a slash.
fn has_password(text: &str) -> bool {
    text.match_indices(":/").any(|(at, _)| {
        let authority = text[at + 2..].trim_start_matches('/');
        let user = authority.rsplit_once('@').and_then(|(before, _)| before.split_once(':'));
        user.is_some_and(|(user, _)| !user.contains(['/', '[']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_names_paths_and_addresses() {
        for secret in [
            "jat_0123456789abcdef",
            "/run/jcs_0123456789abcdefghijklmnopqrstuvwxyz",
            "Bearer jrt_0123456789abcdef",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2O",
            "-----BEGIN PRIVATE KEY-----",
            "postgres://jeton:hunter2@db/jeton",
            "postgres:/jeton:hunter2@db/jeton",
            "https://a:b@c@d",
            "host=db password=x",
        ] {
            assert!(may_be_secret(secret), "{secret}");
        }
        for name in [
            "orders",
            "jat_reports",
            "/etc/jeton/jeton.toml",
            "postgres://jeton@db/jeton",
            "http://127.0.0.1:50051",
            "http://[::1]:50051/a@b",
            "alice@example.com",
            "eyJ.toml",
            "$HOME/$USER",
            "usr_0123456789abcdefghijklmnopq",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }

    #[test]
    fn a_text_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("jat_0123456789abcdef: not found", "[secret] not found"),
            ("the file \"jat_0123456789abcdef\"\nis not", "the file \"[secret]\"\nis not"),
            ("cannot reach http://a:b@c: refused", "cannot reach [secret] refused"),
            ("in -----BEGIN PRIVATE KEY-----\nabc", "in [secret]"),
            ("in jeton.toml: must be a path\n", "in jeton.toml: must be a path\n"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }
}
