//! Clients' certificates: verified by rustls; the log gets the reason for a refusal, the client
//! does not.

use std::{error::Error, io, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::domain::certificate::CertificateIdentity;

/// Verifies as `inner` does. For every fault of a certificate its holder gets the same alert,
/// `certificate_unknown` (RFC 8446 §6.2).
#[derive(Debug)]
pub(super) struct Discreet {
    inner: Arc<dyn ClientCertVerifier>,
}

/// A certificate that was refused.
#[derive(Debug, Error)]
#[error("the client certificate {certificate} is refused: {error}")]
struct Refused {
    certificate: CertificateIdentity,
    error: rustls::Error,
}

impl Discreet {
    pub(super) const fn over(inner: Arc<dyn ClientCertVerifier>) -> Self {
        Self { inner }
    }
}

fn refused(certificate: &CertificateDer<'_>, error: rustls::Error) -> rustls::Error {
    let certificate = CertificateIdentity::Sha256(Sha256::digest(certificate).into());
    let refused: Arc<dyn Error + Send + Sync> = Arc::new(Refused { certificate, error });
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused)))
}

/// Returns the reason for which a handshake failed, in full.
pub(in super::super) fn reason(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused)))) => {
            refused.to_string()
        }
        Some(tls) => tls.to_string(),
        None => error.to_string(),
    }
}

impl ClientCertVerifier for Discreet {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(certificate, intermediates, now);
        verified.map_err(|error| refused(certificate, error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
