//! Announces to HTTP/1.1 clients the time for which their connection is kept (`Keep-Alive:
//! timeout=`).

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Version,
    header::{CONNECTION, Entry},
};
use tokio::sync::watch;

use super::{
    Protocol, Stage,
    http1_pace::{self, Pace},
};
use crate::config::LimitSettings;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Header of the answers on one connection.
pub(super) struct KeptAlive {
    timeout: HeaderValue,
    pace: Pace,
    stage: watch::Receiver<Stage>,
}

/// One request, which is being answered until this is dropped.
pub(super) struct Keeping {
    /// `None` where the connection ends with the answer.
    timeout: Option<HeaderValue>,
    _request: http1_pace::Request,
}

impl KeptAlive {
    /// `None` on HTTP/2, which needs no such header.
    pub(super) fn told(
        protocol: Protocol,
        limits: &LimitSettings,
        pace: &Pace,
        stage: watch::Receiver<Stage>,
    ) -> Option<Self> {
        if protocol != Protocol::Http1 {
            return None;
        }
        let seconds = limits.http_keepalive.as_secs();
        let timeout = HeaderValue::try_from(format!("timeout={seconds}")).ok()?;
        Some(Self { timeout, pace: pace.clone(), stage })
    }

    /// A request begins to be answered.
    pub(super) fn request<B>(&self, request: &Request<B>) -> Keeping {
        let ends = request.version() != Version::HTTP_11
            || *self.stage.borrow() != Stage::Serving
            || asks_to_close(request.headers());
        let timeout = (!ends).then(|| self.timeout.clone());
        Keeping { timeout, _request: self.pace.request() }
    }
}

impl Keeping {
    /// Says so in an answer that says nothing of its connection itself.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        if let Some(timeout) = self.timeout
            && let Entry::Vacant(connection) = headers.entry(CONNECTION)
        {
            connection.insert(HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, timeout);
        }
    }
}

fn asks_to_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("close"))
}
