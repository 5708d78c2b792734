//! The HTTP server: the endpoints over a listener.

use std::{error, io, net::SocketAddr, sync::Arc};

use axum::middleware::from_fn;
use tower::ServiceBuilder;

use super::{
    front::{router, well_formed},
    measured::HttpMetrics,
    options::HttpOptions,
};
use crate::{
    service::Ready,
    store::Store,
    telemetry::RequestIds,
    transport::{Listener, Received, Transport},
};

/// A bound listener, not yet serving.
pub struct HttpServer {
    listener: Listener,
}

impl HttpServer {
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
    /// When the options are no good.
    pub async fn serve<S: Store>(
        self,
        service: Ready<S>,
        options: HttpOptions,
        metrics: HttpMetrics,
        request_ids: RequestIds,
        transport: Arc<Transport>,
    ) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let router = router(service, &options, &metrics)?;
        let router = router.layer(from_fn(well_formed)).layer(request_ids);
        let introduced = ServiceBuilder::new().map_request(Received::introduced).service(router);
        transport.serve(self.listener, introduced).await;
        Ok(())
    }
}
