//! The authorities of trust domains: each vouches for the SPIFFE IDs of its own domain alone
//! (X509-SVID §5).

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use crate::domain::certificate_names::{Name, trust_domain};

/// Verifies certificates without a SPIFFE ID by all authorities, and one with an ID by those of its trust
/// domain. An authority whose own certificate names no trust domain stands for all of them.
#[derive(Debug)]
pub(super) struct ByTrustDomain {
    all: Arc<dyn ClientCertVerifier>,
    /// Those of one trust domain, and those of none.
    of_domain: BTreeMap<String, Arc<dyn ClientCertVerifier>>,
    /// Those of no trust domain, if there are some.
    of_none: Option<Arc<dyn ClientCertVerifier>>,
}

impl ByTrustDomain {
    /// Groups the authorities. `verifier` makes a verifier of some of them, at least one.
    pub(super) fn over<E>(
        authorities: &[CertificateDer<'static>],
        verifier: impl Fn(&[CertificateDer<'static>]) -> Result<Arc<dyn ClientCertVerifier>, E>,
    ) -> Result<Self, E> {
        let mut of_none = Vec::new();
        let mut of_domain: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for authority in authorities {
            match trust_domain(authority) {
                None => of_none.push(authority.clone()),
                Some(domain) => of_domain.entry(domain).or_default().push(authority.clone()),
            }
        }
        let of_domain = of_domain.into_iter().map(|(domain, mut own)| {
            own.extend_from_slice(&of_none);
            Ok((domain, verifier(&own)?))
        });
        let of_domain = of_domain.collect::<Result<_, _>>()?;
        let none = if of_none.is_empty() { None } else { Some(verifier(&of_none)?) };
        Ok(Self { all: verifier(authorities)?, of_domain, of_none: none })
    }

    fn for_certificate(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Result<&Arc<dyn ClientCertVerifier>, rustls::Error> {
        let domain = match Name::of(certificate) {
            Name::Svid { trust_domain, .. } => trust_domain,
            Name::Others(_) => return Ok(&self.all),
            // It names nobody.
            Name::WrongSvid => {
                let error = CertificateError::ApplicationVerificationFailure;
                return Err(rustls::Error::InvalidCertificate(error));
            }
        };
        let verifier = self.of_domain.get(&domain).or(self.of_none.as_ref());
        verifier.ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }
}

impl ClientCertVerifier for ByTrustDomain {
    fn offer_client_auth(&self) -> bool {
        self.all.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.all.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.all.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verifier = self.for_certificate(certificate)?;
        verifier.verify_client_cert(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.all.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.all.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}
