//! URLs that clients or collectors are reached at.

use http::Uri;

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
