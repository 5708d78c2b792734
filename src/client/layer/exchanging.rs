//! A tower layer for calls to another service: it exchanges the token that this service was shown.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, header::AUTHORIZATION};
use tower::{BoxError, Layer, Service};

use super::guarded::authorizations;
use crate::{
    bearer::Requirement,
    client::{Exchanger, NotExchanged},
    domain::secret::Secret,
};

/// The token that this service was shown, for the extensions of a request to the next one.
#[derive(Clone, Debug)]
pub struct ShownToken(Secret);

impl ShownToken {
    /// Takes the token from the headers, or the metadata, of a call that came in; `None` if there is none, or
    /// more than one.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let anybody = Requirement::new(None).optional(true);
        let token = anybody.token(authorizations(headers)).ok().flatten()?;
        Some(Self(Secret::new(token)))
    }
}

/// Puts into each call a token for the next service, exchanged for the [`ShownToken`] in the request's
/// extensions. A request without one fails with [`NotExchanged::NoToken`].
#[derive(Clone, Debug)]
pub struct ExchangeToken {
    exchanger: Exchanger,
}

impl ExchangeToken {
    /// Creates the layer.
    pub const fn new(exchanger: Exchanger) -> Self {
        Self { exchanger }
    }
}

impl<S> Layer<S> for ExchangeToken {
    type Service = Exchanging<S>;

    fn layer(&self, inner: S) -> Exchanging<S> {
        Exchanging { inner, exchanger: self.exchanger.clone() }
    }
}

/// A service behind [`ExchangeToken`].
#[derive(Clone, Debug)]
pub struct Exchanging<S> {
    inner: S,
    exchanger: Exchanger,
}

impl<S, B> Service<Request<B>> for Exchanging<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The ready service handles this request. The clone stays and becomes ready again.
        let stays = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, stays);
        let exchanger = self.exchanger.clone();
        Box::pin(async move {
            let shown = request.extensions_mut().remove::<ShownToken>();
            let shown = shown.ok_or(NotExchanged::NoToken)?;
            let issued = exchanger.exchange(shown.0.expose()).await?;
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", issued.access_token()))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, bearer);
            inner.call(request).await.map_err(Into::into)
        })
    }
}
