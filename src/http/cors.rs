//! Lets pages of listed origins call from a browser (the CORS protocol of the Fetch standard).

use std::time::Duration;

use http::{
    HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::domain::invalid::Invalid;

/// For how long a browser may keep what a preflight said.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The layer; `None` without origins, so that nothing at all is said. Cookies are never allowed:
/// nothing here is authenticated by one.
///
/// # Errors
/// When an origin is none. `*` is none either: any page could then try passwords.
pub(super) fn layer(origins: &[String]) -> Result<Option<CorsLayer>, Invalid> {
    const FAULT: Invalid = Invalid("each allowed origin must be like https://app.example");
    if origins.is_empty() {
        return Ok(None);
    }
    let value = |origin: &String| HeaderValue::from_str(origin).ok().filter(|value| value != "*");
    let origins: Option<Vec<HeaderValue>> = origins.iter().map(value).collect();
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.ok_or(FAULT)?))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(MAX_AGE);
    Ok(Some(layer))
}
