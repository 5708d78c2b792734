//! Encoding of a request's parameters, by its content type.

use http::{HeaderMap, header::CONTENT_TYPE};

use crate::domain::error::Error;

/// Encoding of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// Reads the encoding from `Content-Type`. A charset is ignored: text that is not UTF-8 is
    /// refused where it stands.
    ///
    /// # Errors
    /// `InvalidRequest` for none, several or another one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let only = types.next().filter(|_| types.next().is_none());
        let text = only.and_then(|only| only.to_str().ok()).unwrap_or_default();
        let media_type = text.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else {
            let problem = "must be application/x-www-form-urlencoded or application/json";
            Err(Error::InvalidRequest { field: "content-type", problem })
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_content_type_may_carry_parameters_and_has_any_case() {
        let of = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(text));
            }
            Encoding::of(&headers)
        };
        assert_eq!(of(&["Application/JSON ; charset=utf-8"]), Ok(Encoding::Json));
        let form = "application/x-www-form-urlencoded;charset=UTF-8";
        assert_eq!(of(&[form]), Ok(Encoding::Form));
        for types in [&[][..], &[""], &["text/plain"], &["application/json2"], &[form, form]] {
            assert!(of(types).is_err(), "{types:?}");
        }
    }
}
