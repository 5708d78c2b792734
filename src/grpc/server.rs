//! The gRPC server: services, layers, limits.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use http::{Request, Response};
use tonic::body::Body;
use tower::{Service, ServiceBuilder};

use super::{
    agent::AgentTokens,
    agent_status::Described,
    answering::{Answering, AnsweringLayer},
    arriving::Arriving,
    deadlines::Deadlines,
    health::Health,
    introspection::Introspections,
    limits::{CallLimits, GrpcOptions},
    measured::GrpcMetrics,
    panics::Panics,
    services::{agent_services, services},
};
use crate::{
    bearer::{Doorkeeper, Introspector},
    domain::entropy::Entropy,
    service::Ready,
    store::Store,
    telemetry::RequestIds,
    transport::{Listener, Received, Transport},
};

/// A bound listener, not yet serving.
pub struct GrpcServer {
    listener: Listener,
}

impl GrpcServer {
    /// Binds the listener.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: Listener::bind(address)? })
    }

    /// Over a listener.
    pub const fn over(listener: Listener) -> Self {
        Self { listener }
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// If the socket's address cannot be read.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_address()
    }

    /// Serves over `transport` until its stage is draining and every call in flight is answered, or
    /// the stage is cut.
    ///
    /// # Errors
    /// When the services cannot be described.
    pub async fn serve<S: Store>(
        self,
        service: Ready<S>,
        options: GrpcOptions,
        health: Health,
        metrics: GrpcMetrics,
        entropy: Arc<dyn Entropy>,
        transport: Arc<Transport>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let limits = options.limits;
        let routes = services(&service, &health, options)?;
        let answers = Introspections::before(routes, service, limits);
        self.answer(answers, Answers { limits, metrics, entropy }, transport).await;
        Ok(())
    }

    /// Serves what an agent knows, as [`Self::serve`] does what a server has.
    ///
    /// # Errors
    /// When the services cannot be described.
    pub async fn serve_agent<K: Doorkeeper + Introspector + AgentTokens + Described>(
        self,
        known: Arc<K>,
        options: GrpcOptions,
        health: Health,
        metrics: GrpcMetrics,
        entropy: Arc<dyn Entropy>,
        transport: Arc<Transport>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let limits = options.limits;
        let routes = agent_services(known, &health, options)?;
        self.answer(routes, Answers { limits, metrics, entropy }, transport).await;
        Ok(())
    }

    /// Puts what all calls pass around the service.
    async fn answer<S>(
        self,
        service: S,
        Answers { limits, metrics, entropy }: Answers,
        transport: Arc<Transport>,
    ) where
        S: Service<Request<Arriving<Received>>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let ids = RequestIds::new(&*entropy);
        let deadlines = Deadlines::new(limits.timeout, limits.admin_timeout);
        let answering = Answering { metrics, deadlines, panics: Panics::new(entropy) };
        let answering = AnsweringLayer::new(answering);
        let layers = ServiceBuilder::new().map_request(Received::introduced);
        let layered = layers.layer(ids).layer(answering).service(service);
        transport.serve(self.listener, layered).await;
    }
}

/// Options of answers, for all services.
struct Answers {
    limits: CallLimits,
    metrics: GrpcMetrics,
    entropy: Arc<dyn Entropy>,
}
