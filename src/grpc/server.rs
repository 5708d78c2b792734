//! The gRPC server: services, layers, limits.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;
use tower::ServiceBuilder;

use super::{
    answering::{Answering, AnsweringLayer},
    deadlines::Deadlines,
    envoy::EnvoyOptions,
    health::Health,
    introspection::Introspections,
    measured::GrpcMetrics,
    panics::Panics,
    services::services,
};
use crate::{
    domain::entropy::Entropy,
    service::Ready,
    store::Store,
    telemetry::RequestIds,
    transport::{Listener, Stage, Transport},
};

/// What one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Longest message that is read, in bytes.
    pub request_bytes: usize,
    /// Longest message that is written, in bytes.
    pub response_bytes: usize,
    /// How long a call may take until it is answered, or its stream begins.
    pub timeout: Duration,
    /// The same for `AdminService`.
    pub admin_timeout: Duration,
}

/// How calls are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// What each may take.
    pub limits: CallLimits,
    /// Whether `grpc.reflection` is served.
    pub reflection: bool,
    /// How Envoy is answered.
    pub envoy: EnvoyOptions,
}

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

    /// Serves over `transport` until the stage is draining and every call in flight is answered, or
    /// the stage is cut.
    ///
    /// # Errors
    /// When the services cannot be described.
    pub async fn serve<S: Store>(
        self,
        (service, options): (Ready<S>, GrpcOptions),
        health: Health,
        metrics: GrpcMetrics,
        entropy: Arc<dyn Entropy>,
        (transport, stage): (Arc<Transport>, watch::Receiver<Stage>),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let limits = options.limits;
        let routes = services(&service, &health, options)?;
        let ids = RequestIds::new(&*entropy);
        let deadlines = Deadlines::new(limits.timeout, limits.admin_timeout);
        let answering = Answering { metrics, deadlines, panics: Panics::new(entropy) };
        let answering = AnsweringLayer::new(answering);
        let answers = Introspections::before(routes, service, limits);
        let layered = ServiceBuilder::new().layer(ids).layer(answering).service(answers);
        transport.serve(self.listener, layered, stage).await;
        Ok(())
    }
}
