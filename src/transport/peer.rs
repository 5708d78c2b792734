//! Facts that each request has about the other side of its connection.

use std::{net::SocketAddr, sync::Arc};

use http::Extensions;

use crate::domain::{certificate::CertificateIdentity, confirmation::PeerCertificate};

/// The other side of a connection. It is in the extensions of each request that was
/// [introduced](super::Received::introduced).
#[derive(Clone, Debug)]
pub struct Peer {
    /// Address that it connects from.
    pub address: SocketAddr,
    /// Identities in the certificate that it has shown and that was verified; `None` without one.
    pub certificate: Option<Arc<[CertificateIdentity]>>,
}

impl Peer {
    /// The certificate of the connection that a request with these extensions came over.
    pub fn certificate_of(extensions: &Extensions) -> Option<PeerCertificate> {
        let peer = extensions.get::<Self>()?;
        peer.certificate.clone().map(PeerCertificate::from)
    }

    /// A peer without a certificate.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, certificate: None }
    }
}
