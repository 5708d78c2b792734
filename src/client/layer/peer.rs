//! The certificate of the connection that a call came over.

use http::Extensions;
#[cfg(feature = "mtls")]
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::bearer::PeerCertificate;

/// Returns the certificate that somebody has put into the extensions, or that tonic has.
pub(super) fn certificate(extensions: &Extensions) -> Option<PeerCertificate> {
    extensions.get().cloned().or_else(|| of_tonic(extensions))
}

#[cfg(feature = "mtls")]
fn of_tonic(extensions: &Extensions) -> Option<PeerCertificate> {
    let connection = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
    let certificates = connection.peer_certs()?;
    certificates.first().map(|certificate| PeerCertificate::from_der(certificate))
}

#[cfg(not(feature = "mtls"))]
fn of_tonic(_: &Extensions) -> Option<PeerCertificate> {
    None
}
