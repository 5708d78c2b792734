//! A handler that panics still answers: INTERNAL, with an incident that the log has.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::status;
use crate::domain::{
    entropy::{Entropy, draw},
    error::{Error, Incident},
};

/// The layer.
#[derive(Clone)]
pub(super) struct Panics {
    entropy: Arc<dyn Entropy>,
}

impl Panics {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    fn answer(&self, panic: &(dyn Any + Send)) -> Response<Body> {
        let incident = Incident(u64::from_be_bytes(draw(&*self.entropy)));
        // The panic's own text is in the process's standard error; it is not repeated here, since
        // nobody promised that it holds no secret.
        let known = panic.is::<&str>() || panic.is::<String>();
        tracing::error!(
            incident = format_args!("{:016x}", incident.0),
            known,
            "a handler panicked"
        );
        status::status(&Error::Internal { incident }).into_http()
    }
}

impl<S> Layer<S> for Panics {
    type Service = Caught<S>;

    fn layer(&self, service: S) -> Caught<S> {
        Caught { service, panics: self.clone() }
    }
}

/// The service behind the layer.
#[derive(Clone)]
pub(super) struct Caught<S> {
    service: S,
    panics: Panics,
}

impl<S, A> Service<Request<A>> for Caught<S>
where
    S: Service<Request<A>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (call, panics) = (self.service.call(request), self.panics.clone());
        Box::pin(async move {
            match AssertUnwindSafe(call).catch_unwind().await {
                Ok(answer) => answer,
                Err(panic) => Ok(panics.answer(&*panic)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_an_incident_and_without_its_text() {
        async fn broken(_: Request<()>) -> Result<Response<Body>, Infallible> {
            panic!("the secret is hunter2")
        }
        let service = Panics::new(Arc::new(Sevens)).layer(service_fn(broken));
        let answer = service.oneshot(Request::new(())).await.expect("an answer");
        let status = Status::from_header_map(answer.headers()).expect("a status");
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        let info = status.get_error_details().error_info().cloned().expect("an ErrorInfo");
        assert_eq!(info.reason, "SERVER_ERROR");
        assert_eq!(info.metadata["incident"], "0707070707070707");
    }
}
