//! The gRPC server: services, layers, limits.

use std::{io, net::SocketAddr, sync::Arc};

use tower::ServiceBuilder;

use super::{
    answering::{Answering, AnsweringLayer},
    deadlines::Deadlines,
    health::Health,
    introspection::Introspections,
    limits::GrpcOptions,
    measured::GrpcMetrics,
    panics::Panics,
    services::services,
};
use crate::{
    domain::entropy::Entropy,
    service::Ready,
    store::Store,
    telemetry::RequestIds,
    transport::{Listener, Transport},
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

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// When the operating system does not tell.
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
        let ids = RequestIds::new(&*entropy);
        let deadlines = Deadlines::new(limits.timeout, limits.admin_timeout);
        let answering = Answering { metrics, deadlines, panics: Panics::new(entropy) };
        let answering = AnsweringLayer::new(answering);
        let answers = Introspections::before(routes, service, limits);
        let layered = ServiceBuilder::new().layer(ids).layer(answering).service(answers);
        transport.serve(self.listener, layered).await;
        Ok(())
    }
}
