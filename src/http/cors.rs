//! Lets pages of listed origins call from a browser (the CORS protocol of the Fetch standard).

use std::time::Duration;

use http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::options::CorsOptions;
use crate::domain::invalid::Invalid;

/// For how long a browser may keep the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Returns the layer; `None` without origins. Cookies are never allowed: no endpoint authenticates
/// by one.
///
/// # Errors
/// If an origin or a header is malformed, or an origin is `*`: any page could then try passwords.
pub(super) fn layer(options: &CorsOptions) -> Result<Option<CorsLayer>, Invalid> {
    const ORIGIN: Invalid = Invalid("each allowed origin must be like https://app.example");
    const HEADER: Invalid = Invalid("each allowed header must be the name of a header");
    if options.allowed_origins.is_empty() {
        return Ok(None);
    }
    let origin = |text: &String| HeaderValue::from_str(text).ok().filter(|value| value != "*");
    let origins = options.allowed_origins.iter().map(origin);
    let origins: Vec<HeaderValue> = origins.collect::<Option<_>>().ok_or(ORIGIN)?;
    let header = |text: &String| HeaderName::try_from(text).map_err(|_| HEADER);
    let headers = options.allowed_headers.iter().map(header);
    let headers = [AUTHORIZATION, CONTENT_TYPE].into_iter().map(Ok).chain(headers);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(headers.collect::<Result<Vec<_>, _>>()?)
        .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(MAX_AGE);
    Ok(Some(layer))
}
