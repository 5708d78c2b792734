//! URLs that issuers, collectors and servers are reached at.

use http::Uri;

use super::pasted::may_be_secret;
use crate::domain::invalid::Invalid;

/// Checks an issuer (RFC 8414 §2).
pub(super) fn issuer(text: &str) -> Result<String, Invalid> {
    let fault = Invalid("must be an https:// or http:// URL without query and fragment");
    let uri: Uri = text.parse().map_err(|_| fault)?;
    let web = matches!(uri.scheme_str(), Some("https" | "http"));
    // Everybody is shown it.
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !web || !named || text.contains(['?', '#']) {
        return Err(fault);
    }
    Ok(text.to_owned())
}

/// Checks the URL of a collector.
pub(super) fn endpoint(text: &str) -> Result<String, Invalid> {
    let fault = Invalid(r#"must be the URL of a collector like "http://127.0.0.1:4317""#);
    let uri: Uri = text.parse().map_err(|_| fault)?;
    let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    // It is shown where it cannot be reached, so it holds no password.
    if !plain || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(fault);
    }
    Ok(text.to_owned())
}

/// Checks the URL of a server's gRPC listener.
///
/// # Errors
/// For what is no such URL, and for one that may hold a secret: messages about a server show its URL.
pub fn server(text: &str) -> Result<String, Invalid> {
    if text.contains('@') || may_be_secret(text) {
        return Err(Invalid(
            "must be a URL without a user and a password: JETON_CLIENT_ID and JETON_CLIENT_SECRET, or a \
             profile, name who calls",
        ));
    }
    // A host and a port alone get advice that shows them: they are no secret.
    let is_socket = text.strip_prefix("unix:").is_some_and(|path| !path.is_empty());
    let is_place = is_socket
        || text.parse().is_ok_and(|uri: Uri| match uri.scheme_str() {
            Some("http" | "https") => uri.query().is_none(),
            Some(_) => false,
            None => uri.port_u16().is_some(),
        });
    let fault = Invalid(
        "must be a URL like http://127.0.0.1:50051 or https://tokens.example:50051, or unix: and a path",
    );
    if is_place { Ok(text.to_owned()) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_urls_without_query_and_fragment() {
        for text in ["https://tokens.example", "http://127.0.0.1:8080", "https://a.example/t"] {
            assert_eq!(issuer(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "tokens.example",
            "ftp://a.example",
            "https://",
            "https://a/?x",
            "https://a/#x",
            "https://a:b@c/",
        ] {
            assert!(issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn collectors_are_reached_over_plain_http() {
        for text in ["http://127.0.0.1:4317", "http://collector.observability:4317/"] {
            assert_eq!(endpoint(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "127.0.0.1:4317",
            "https://a:4317",
            "http://a:4317/v1/traces",
            "http://",
            "http://a:b@c:4317",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
