//! The service behind [`RequireToken`].

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use pin_project_lite::pin_project;
use tonic::server::NamedService;
use tower::Service;

use super::{RequireToken, answer::Dialect};
use crate::{
    bearer::{Bearer, Denial, Introspector, NotGood, check},
    client::{Claims, Refusal, Validator},
};

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

/// Lets a tonic server guard some of its services and not others.
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
            Ok(Some(bearer)) => State::Passed { future: self.inner.call(admit(request, bearer)) },
            Ok(None) => State::Asking { future: self.ask(request) },
            Err(denial) => {
                let dialect = Dialect::of(request.headers());
                State::Denied { answer: Some(dialect.answer(denial, &self.require.requirement)) }
            }
        };
        ResponseFuture { state }
    }
}

impl<S> Guarded<S> {
    /// Handles a token that is not in memory.
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
        // The ready service handles this request. The clone stays and becomes ready again.
        let stays = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, stays);
        let require = self.require.clone();
        Box::pin(async move {
            let dialect = Dialect::of(request.headers());
            let (parts, body) = request.into_parts();
            let authorizations = authorizations(&parts.headers);
            let peer = || (require.peer)(&parts.extensions);
            match check(&require.validator, &require.requirement, authorizations, peer).await {
                Ok(bearer) => inner.call(admit(Request::from_parts(parts, body), bearer)).await,
                Err(denial) => Ok(dialect.answer(denial, &require.requirement)),
            }
        })
    }
}

/// Returns the request with the claims of its token, if it has one.
fn admit<B>(mut request: Request<B>, bearer: Bearer) -> Request<B> {
    match bearer {
        Bearer::Of(claims) => drop(request.extensions_mut().insert(claims)),
        Bearer::Nobody => drop(request.extensions_mut().remove::<Arc<Claims>>()),
    }
    request
}

pub(super) fn authorizations(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes)
}

impl RequireToken {
    /// Decides from memory. Returns `None` if the server must be asked.
    fn recall<B>(&self, request: &Request<B>) -> Result<Option<Bearer>, Denial> {
        let Some(token) = self.requirement.token(authorizations(request.headers()))? else {
            return Ok(Some(Bearer::Nobody));
        };
        let Some(known) = self.validator.recall_of_any_holder(token) else { return Ok(None) };
        let known = known.map_err(|refusal| NotGood::from(&refusal));
        self.requirement.judge(known, || (self.peer)(request.extensions())).map(Some)
    }
}

impl Introspector for Validator {
    async fn claims(&self, token: &str) -> Result<Arc<Claims>, NotGood> {
        self.validate_of_any_holder(token).await.map_err(|refusal| NotGood::from(&refusal))
    }
}

/// Time that a caller is asked to wait if the token service names none.
const PAUSE: Duration = Duration::from_secs(1);

impl From<&Refusal> for NotGood {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Inactive => Self::Inactive,
            Refusal::Unknown(error) => Self::Unknown { retry_after: error.wait().unwrap_or(PAUSE) },
        }
    }
}

pin_project! {
    /// The answer of [`Guarded`]. Allocates only if the token service must be asked.
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
