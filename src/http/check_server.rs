//! The server of `/check`: requests to it pass the router by, since each request that a proxy receives asks
//! there first.

use std::{
    convert::Infallible,
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Bytes, HttpBody},
    middleware::{from_fn, map_response},
    response::Response,
};
use http::Request;
use tower::{Layer as _, Service};

use super::{
    answer,
    check::{CheckOptions, PATH, Place},
    failure::Failure,
    front::well_formed,
    measured::HttpMetrics,
    routes::STANDARD,
};
use crate::{
    bearer::Doorkeeper,
    telemetry::RequestIds,
    transport::{Listener, Transport},
};

/// A bound listener, not yet serving.
pub struct CheckServer {
    listener: Listener,
    beside: Router,
}

impl CheckServer {
    /// Over a listener.
    pub fn over(listener: Listener) -> Self {
        Self { listener, beside: Router::new() }
    }

    /// With further endpoints on the same listener.
    #[must_use]
    pub fn beside(self, beside: Router) -> Self {
        Self { beside, ..self }
    }

    /// Serves over `transport` until the stage is draining and every request in flight is answered, or
    /// the stage is cut.
    ///
    /// # Errors
    /// Never: the other listeners may fail.
    pub async fn serve<D: Doorkeeper>(
        self,
        doorkeeper: Arc<D>,
        options: CheckOptions,
        metrics: HttpMetrics,
        request_ids: RequestIds,
        transport: Arc<Transport>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let place = Arc::new(Place::new(doorkeeper, options, metrics));
        let others = self.beside.fallback(async || Failure::NotFound.response(STANDARD));
        let others = others.layer(map_response(answer::no_store)).layer(from_fn(well_formed));
        let service = request_ids.layer(CheckService::new(place, others));
        transport.serve(self.listener, service).await;
        Ok(())
    }
}

/// `/check`, and a router for every other path.
pub(super) struct CheckService<D> {
    place: Arc<Place<D>>,
    others: Router,
}

impl<D> CheckService<D> {
    pub(super) const fn new(place: Arc<Place<D>>, others: Router) -> Self {
        Self { place, others }
    }
}

impl<D> Clone for CheckService<D> {
    fn clone(&self) -> Self {
        Self { place: Arc::clone(&self.place), others: self.others.clone() }
    }
}

impl<D, B> Service<Request<B>> for CheckService<D>
where
    D: Doorkeeper,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path() != PATH {
            return Box::pin(self.others.call(request));
        }
        let place = Arc::clone(&self.place);
        let (parts, _) = request.into_parts();
        let mut request = Request::from_parts(parts, ());
        Box::pin(async move { Ok(place.answer(&mut request).await) })
    }
}
