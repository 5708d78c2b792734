//! `Introspect` and `BatchIntrospect`, the calls that are made most: answered without a message between
//! the records and the wire.

use std::{
    convert::Infallible,
    error::Error as StdError,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Bytes};
use tonic::{Status, body::Body, server::Grpc};
use tower::{Service, service_fn};

use super::{
    batch_request::{BatchRequest, MAX_BATCH},
    caller::caller,
    convert,
    introspection_codec::{Batch, IntrospectionCodec},
    limits::CallLimits,
    status,
};
use crate::{
    domain::error::Error,
    proto::v1,
    service::{Carried, Introspection, Ready},
    store::Store,
};

/// Path of the method answered here.
const INTROSPECT: &str = "/jeton.v1.TokenService/Introspect";
const BATCH_INTROSPECT: &str = "/jeton.v1.TokenService/BatchIntrospect";

/// Answers the two calls, and hands all others on to `next`: those may write, and go on to their end
/// when they have and their caller is gone.
pub(super) struct Introspections<S, N> {
    service: Ready<S>,
    limits: CallLimits,
    next: N,
}

impl<S, N> Introspections<S, N> {
    pub(super) const fn before(next: N, service: Ready<S>, limits: CallLimits) -> Self {
        Self { service, limits, next }
    }
}

impl<S, N: Clone> Clone for Introspections<S, N> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), limits: self.limits, next: self.next.clone() }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S, N, A> Service<Request<A>> for Introspections<S, N>
where
    S: Store,
    N: Service<Request<A>, Response = Response<Body>, Error = Infallible>,
    N::Future: Send + 'static,
    A: HttpBody<Data = Bytes> + Send + 'static,
    A::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Answering, Carried<N::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.next.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (service, limits) = (self.service.clone(), self.limits);
        match request.uri().path() {
            INTROSPECT => Either::Left(Box::pin(async move {
                let method = service_fn(|request| introspect(service.clone(), request));
                Ok(limited(IntrospectionCodec::of_messages(), limits).unary(method, request).await)
            })),
            BATCH_INTROSPECT => Either::Left(Box::pin(async move {
                let method = service_fn(|request| batch_introspect(service.clone(), request));
                Ok(limited(IntrospectionCodec::of_batches(), limits).unary(method, request).await)
            })),
            _ => Either::Right(self.service.carry(self.next.call(request))),
        }
    }
}

fn limited<C: tonic::codec::Codec>(codec: C, limits: CallLimits) -> Grpc<C> {
    Grpc::new(codec)
        .max_decoding_message_size(limits.request_bytes)
        .max_encoding_message_size(limits.response_bytes)
}

async fn introspect<S: Store>(
    ready: Ready<S>,
    request: tonic::Request<v1::IntrospectRequest>,
) -> Result<tonic::Response<Introspection>, Status> {
    let found = async {
        let caller = caller(&ready, &request).await?;
        let asked = convert::introspect(request.into_inner())?;
        ready.get()?.introspection.introspect(&caller, &asked).await
    };
    found.await.map(tonic::Response::new).map_err(|error| status::status(&error))
}

async fn batch_introspect<S: Store>(
    ready: Ready<S>,
    request: tonic::Request<BatchRequest>,
) -> Result<tonic::Response<Batch>, Status> {
    let found = async {
        let caller = caller(&ready, &request).await?;
        let BatchRequest { tokens, count } = request.into_inner();
        if count > MAX_BATCH {
            let problem = "must be at most 1,000";
            return Err(Error::InvalidRequest { field: "tokens", problem });
        }
        Ok(Batch::of(
            &ready.get()?.introspection.introspect_all(&caller, tokens.into_iter()).await?,
        ))
    };
    found.await.map(tonic::Response::new).map_err(|error| status::status(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    /// Each call moves its future into a box: what waits for the store has one of its own.
    #[test]
    fn the_state_of_a_call_that_memory_answers_is_small() {
        let service = Ready::<MemoryStore>::not_yet();
        let one =
            introspect(service.clone(), tonic::Request::new(v1::IntrospectRequest::default()));
        assert!(size_of_val(&one) <= 1_536, "{}", size_of_val(&one));
        let request = BatchRequest { tokens: Vec::new(), count: 0 };
        let batch = batch_introspect(service, tonic::Request::new(request));
        assert!(size_of_val(&batch) <= 2_048, "{}", size_of_val(&batch));
    }
}
