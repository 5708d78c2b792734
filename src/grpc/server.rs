//! The gRPC server: services, layers, limits.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use tonic::transport::{Server, server::TcpIncoming};

use super::{
    admin::Administration, health::Health, measured::GrpcMetrics, own_errors::OwnErrors,
    panics::Panics, token_service::Tokens,
};
use crate::{
    domain::entropy::Entropy,
    proto::{
        FILE_DESCRIPTOR_SET,
        v1::{admin_service_server::AdminServiceServer, token_service_server::TokenServiceServer},
    },
    service::Ready,
    store::Store,
    telemetry::RequestIds,
};

/// Longest message that is read.
pub const MAX_RECEIVED_BYTES: usize = 256 << 10;
/// Longest message that is written.
pub const MAX_SENT_BYTES: usize = 1 << 20;

/// Concurrent calls on one connection. tonic would leave it unlimited.
const MAX_STREAMS: u32 = 256;
/// Streams that a peer may have us reset before its connection is closed (CVE-2023-44487 and kin).
/// tonic would leave it unlimited.
const MAX_RESETS: usize = 256;
/// Longest list of headers, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// A bound listener, not yet serving.
pub struct GrpcServer {
    incoming: TcpIncoming,
}

impl GrpcServer {
    /// Binds the listener.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let incoming = TcpIncoming::bind(address)?.with_nodelay(Some(true));
        Ok(Self { incoming })
    }

    /// The address that was bound, with its real port.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.incoming.local_addr()
    }

    /// Serves until `shutdown` is done and every call in flight is answered. Whoever calls bounds
    /// that wait: streams that their peers hold open have no end of their own.
    ///
    /// # Errors
    /// When the transport fails as a whole.
    pub async fn serve<S: Store>(
        self,
        service: Ready<S>,
        health: Health,
        metrics: GrpcMetrics,
        entropy: Arc<dyn Entropy>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let admin = AdminServiceServer::new(Administration::new(service.clone()))
            .max_decoding_message_size(MAX_RECEIVED_BYTES)
            .max_encoding_message_size(MAX_SENT_BYTES);
        let tokens = TokenServiceServer::new(Tokens::new(service))
            .max_decoding_message_size(MAX_RECEIVED_BYTES)
            .max_encoding_message_size(MAX_SENT_BYTES);
        Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_local_error_reset_streams(Some(MAX_RESETS))
            .http2_max_pending_accept_reset_streams(Some(MAX_RESETS))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .layer(RequestIds::new(&*entropy))
            .layer(metrics)
            .layer(OwnErrors)
            .layer(Panics::new(entropy))
            .add_service(tokens)
            .add_service(admin)
            .add_service(health.service())
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .serve_with_incoming_shutdown(self.incoming, shutdown)
            .await?;
        Ok(())
    }
}

/// Older clients know `v1alpha` only, newer ones look for `v1` first: both are served.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
