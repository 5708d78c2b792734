//! Introspection answered as a signed JWT (RFC 9701): evidence that the caller can keep and show.

use axum::response::Response;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, VARY},
};
use serde::Serialize;

use super::{answer, failure::Failure, front::Front};
use crate::{service::Caller, store::Store};

/// Type of the answer (RFC 9701 §5).
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// Claims of the answer. There is no `sub` and no `exp` beside them: nobody is to take it for an access token
/// or an ID token (RFC 9701 §5, §8.1).
#[derive(Serialize)]
struct SignedIntrospection<'a, T> {
    iss: &'a str,
    /// The caller, for whom alone the answer is.
    aud: &'a str,
    iat: u64,
    token_introspection: T,
}

/// Returns whether a request prefers the signed form, as one that names it does.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE));
        let is_refused = |weight: &str| weight.strip_prefix("q=").is_some_and(is_zero);
        named && !parts.any(is_refused)
    })
}

/// Reads a weight of RFC 9110 §12.4.2.
fn is_zero(weight: &str) -> bool {
    weight.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

impl<S: Store> Front<S> {
    /// Answers the members of an introspection, signed for the caller.
    ///
    /// # Errors
    /// `Unavailable` if no key signs now; `Overloaded`.
    pub(super) async fn sign_introspection(
        &self,
        caller: &Caller,
        members: impl Serialize,
    ) -> Result<Response, Failure> {
        let service = self.service.get()?;
        let claims = SignedIntrospection {
            iss: service.signing_keys().issuer(),
            aud: caller.id().as_str(),
            iat: service.now().as_secs(),
            token_introspection: members,
        };
        let text = service.signer.sign_introspection(caller, &claims).await?;
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        let mut response = answer::typed(StatusCode::OK, media_type, text.expose().to_owned());
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&'static str]) -> bool {
        let values = values.iter().map(|value| (ACCEPT, HeaderValue::from_static(value)));
        is_asked(&values.collect())
    }

    #[test]
    fn the_signed_form_is_for_callers_that_name_it() {
        for values in [
            &["application/token-introspection+jwt"][..],
            &["application/json, Application/Token-Introspection+JWT;q=0.5"],
            &["text/html", "application/token-introspection+jwt; q=1"],
        ] {
            assert!(asked(values), "{values:?}");
        }
        for values in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/jwt"],
            &["application/token-introspection+jwt;q=0"],
            &["application/token-introspection+jwt; q=0.000"],
        ] {
            assert!(!asked(values), "{values:?}");
        }
    }
}
