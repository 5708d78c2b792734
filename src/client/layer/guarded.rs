//! The service behind [`RequireToken`].

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tonic::server::NamedService;
use tower::Service;

use super::{Denied, RequireToken, bearer, denied::Dialect};
use crate::client::Claims;

/// A service behind [`RequireToken`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    require: RequireToken,
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S, require: RequireToken) -> Self {
        Self { inner, require }
    }
}

/// So that one service of a tonic server can be guarded and another not.
impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match self.require.recall(&request) {
            Ok(Some(claims)) => State::Passed { future: self.inner.call(admit(request, claims)) },
            Ok(None) => State::Asking { future: self.ask(request) },
            Err(denied) => {
                let answer = self.require.answer(denied, Dialect::of(request.headers()));
                State::Denied { answer: Some(answer) }
            }
        };
        ResponseFuture { state }
    }
}

impl<S> Guarded<S> {
    /// For a token that memory does not tell about.
    fn ask<B, R>(
        &mut self,
        request: Request<B>,
    ) -> BoxFuture<'static, Result<Response<R>, S::Error>>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        B: Send + 'static,
        R: Default,
    {
        // The one that is ready goes along; what stays becomes ready anew.
        let stays = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, stays);
        let require = self.require.clone();
        Box::pin(async move {
            let dialect = Dialect::of(request.headers());
            let (parts, body) = request.into_parts();
            match require.validate(&parts.headers).await {
                Ok(claims) => inner.call(admit(Request::from_parts(parts, body), claims)).await,
                Err(denied) => Ok(require.answer(denied, dialect)),
            }
        })
    }
}

fn admit<B>(mut request: Request<B>, claims: Arc<Claims>) -> Request<B> {
    request.extensions_mut().insert(claims);
    request
}

impl RequireToken {
    /// Whether the request passes; `None` when the server has to be asked.
    fn recall<B>(&self, request: &Request<B>) -> Result<Option<Arc<Claims>>, Denied> {
        let token = bearer::token(request.headers())?;
        let Some(known) = self.validator.recall(token) else { return Ok(None) };
        let claims = known?;
        self.required.check(&claims)?;
        Ok(Some(claims))
    }

    async fn validate(&self, headers: &http::HeaderMap) -> Result<Arc<Claims>, Denied> {
        let claims = self.validator.validate(bearer::token(headers)?).await?;
        self.required.check(&claims)?;
        Ok(claims)
    }

    fn answer<R: Default>(&self, denied: Denied, dialect: Dialect) -> Response<R> {
        self.required.challenges.answer(denied, dialect)
    }
}

pin_project! {
    /// What [`Guarded`] answers. Allocates only when the token service has to be asked.
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, R, E> {
        Passed { #[pin] future: F },
        Asking { future: BoxFuture<'static, Result<R, E>> },
        Denied { answer: Option<R> },
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Passed { future } => future.poll(cx),
            Projected::Asking { future } => future.as_mut().poll(cx),
            Projected::Denied { answer } => {
                Poll::Ready(Ok(answer.take().expect("a future is polled until it is ready")))
            }
        }
    }
}
