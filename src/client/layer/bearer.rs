//! Finds the token of a request.

use http::{HeaderMap, header::AUTHORIZATION};

use super::Denied;

/// The token in `authorization: Bearer …` (RFC 6750 §2.1), the scheme in whatever case.
///
/// # Errors
/// When there is none, or more than one header.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Denied::NoToken) };
    if values.next().is_some() {
        return Err(Denied::Malformed);
    }
    let text = value.to_str().map_err(|_| Denied::Malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains(' ') {
        return Err(Denied::Malformed);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<String, Denied> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_found_in_any_case() {
        for value in ["Bearer jat_1", "bearer jat_1", "BEARER  jat_1 "] {
            assert_eq!(read(&[value]).expect("a token"), "jat_1");
        }
    }

    #[test]
    fn another_scheme_is_no_token() {
        for values in [&[][..], &["Basic YTpi"], &["Bearerjat_1"]] {
            assert!(matches!(read(values), Err(Denied::NoToken)), "{values:?}");
        }
    }

    #[test]
    fn no_text_several_texts_and_several_headers_are_malformed() {
        for values in [&["Bearer"][..], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer a"]] {
            assert!(matches!(read(values), Err(Denied::Malformed)), "{values:?}");
        }
    }
}
