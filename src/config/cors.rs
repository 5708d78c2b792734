//! Checks the origins and request headers of pages that can call from a browser.

use http::{HeaderName, uri::Authority};

use crate::domain::invalid::Invalid;

/// Schemes of origins: the web's, those of app shells, and those of browser extensions.
const SCHEMES: [&str; 8] = [
    "https",
    "http",
    "capacitor",
    "ionic",
    "tauri",
    "chrome-extension",
    "moz-extension",
    "safari-web-extension",
];

/// Headers that tracing adds to the calls of a page (W3C Trace Context, W3C Baggage, and the header
/// that names a request in the log).
const TRACE_HEADERS: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-request-id"];

/// Returns the default of `http.cors_allowed_headers`.
pub(super) fn trace_headers() -> Vec<String> {
    TRACE_HEADERS.map(str::to_owned).to_vec()
}

/// Checks a list of origins (RFC 6454 §6.2), each as browsers send it: they are compared by the
/// byte.
///
/// # Errors
/// Returns the reason for an origin that no browser sends or that must not be allowed.
pub(super) fn origins(texts: &[&str]) -> Result<Vec<String>, Invalid> {
    texts.iter().map(|text| origin(text)).collect()
}

fn origin(text: &str) -> Result<String, Invalid> {
    match text {
        "*" => {
            return Err(Invalid("must list each origin: with \"*\" any page could try passwords"));
        }
        "null" => return Err(Invalid("must not be \"null\": any page can have that origin")),
        _ => {}
    }
    let (scheme, host) = text.split_once("://").ok_or(Invalid(
        r#"each must be an origin like "https://app.example" or "capacitor://localhost""#,
    ))?;
    if !SCHEMES.contains(&scheme) {
        return Err(Invalid(
            "each must begin with https, http, capacitor, ionic, tauri or the scheme of a browser's \
             extensions, in lower case",
        ));
    }
    if host.contains(['/', '?', '#']) {
        return Err(Invalid("must end after the host or port: browsers send no slash and no path"));
    }
    if host.contains('@') {
        return Err(Invalid("must not name a user: browsers send none"));
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Invalid("must be in lower case, as browsers send hosts"));
    }
    if !host.is_ascii() {
        return Err(Invalid("must have a host in its xn-- form, as browsers send it"));
    }
    let authority: Authority =
        host.parse().map_err(|_| Invalid("must have a host, and at most a port behind it"))?;
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return Err(Invalid("must end with the host, or with a port from 0 to 65535"));
    }
    if matches!((scheme, authority.port_u16()), ("https", Some(443)) | ("http", Some(80))) {
        return Err(Invalid("must not name the scheme's own port: browsers leave it out"));
    }
    Ok(text.to_owned())
}

/// Checks a list of request headers. `*` is refused: for requests with credentials browsers take it
/// for a header's name.
///
/// # Errors
/// Fails if an entry is not the name of a header in lower case.
pub(super) fn headers(texts: &[&str]) -> Result<Vec<String>, Invalid> {
    let name = |text: &&str| {
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let named = lower && *text != "*" && HeaderName::try_from(*text).is_ok();
        named.then(|| (*text).to_owned())
    };
    let fault = Invalid(r#"each must be the name of a header in lower case, like "traceparent""#);
    texts.iter().map(name).collect::<Option<_>>().ok_or(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_accepted_as_browsers_and_app_shells_send_them() {
        for text in [
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "https://app.example:8443",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        ] {
            assert_eq!(origin(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_refused_with_the_reason() {
        for (text, reason) in [
            ("*", "try passwords"),
            ("null", "any page"),
            ("app.example", "like"),
            ("ftp://app.example", "begin with"),
            ("HTTPS://app.example", "lower case"),
            ("https://app.example/", "no slash"),
            ("https://app.example/path", "no path"),
            ("https://App.example", "lower case"),
            ("https://user@app.example", "user"),
            ("https://b\u{fc}cher.example", "xn--"),
            ("https://app.example:443", "own port"),
            ("http://app.example:80", "own port"),
            ("https://app.example:", "port"),
            ("https://", "host"),
            ("https://app.example:99999", "65535"),
            ("https://a b", "host"),
        ] {
            let refused = origin(text).expect_err(text).to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn headers_are_names_in_lower_case() {
        assert_eq!(headers(&["traceparent", "x-app"]).map(|names| names.len()), Ok(2));
        for text in ["*", "", "X-App", "a b", "a:"] {
            assert!(headers(&[text]).is_err(), "{text}");
        }
    }
}
