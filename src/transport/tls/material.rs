//! Certificates, key and revocation lists, read and found fit to serve with.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};
use x509_cert::{Certificate, der::Decode as _};

use super::{
    TlsError, client_verifier::Discreet, files::Contents, hosts::hosts,
    trust_domains::ByTrustDomain,
};
use crate::{
    config::{ClientCertificates, TlsSettings},
    domain::time::Timestamp,
    transport::Protocol,
};

/// Certificates and keys from the files.
pub(super) struct Material {
    provider: Arc<CryptoProvider>,
    identity: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// When the certificate expires.
    pub(super) expire_time: Timestamp,
    /// The hosts that it names.
    pub(super) hosts: Vec<String>,
}

impl Material {
    /// Reads the files' contents and judges them as of `now`.
    pub(super) fn parse(
        settings: &TlsSettings,
        contents: &Contents,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&settings.cert, &contents.cert)?;
        let expire_time = check_validity(&settings.cert, &chain, now)?;
        let hosts = chain.first().map(|certificate| hosts(certificate)).unwrap_or_default();
        let identity = identity(settings, &contents.key, chain, &provider)?;
        let clients = match &settings.clients {
            Some(clients) => Some(verifier(clients, contents, &provider)?),
            None => None,
        };
        Ok(Self { provider, identity: Arc::new(identity), clients, expire_time, hosts })
    }

    /// TLS 1.3 and 1.2 for one protocol.
    pub(super) fn config(
        &self,
        protocol: Protocol,
        time: Arc<dyn TimeProvider>,
    ) -> Result<ServerConfig, TlsError> {
        let provider = Arc::clone(&self.provider);
        let builder = ServerConfig::builder_with_details(provider, time);
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match &self.clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let identity = SingleCertAndKey::from(Arc::clone(&self.identity));
        let mut config = builder.with_cert_resolver(Arc::new(identity));
        let spoken: &[u8] = match protocol {
            Protocol::Http1 | Protocol::Either => b"http/1.1",
            Protocol::Http2 => b"h2",
        };
        config.alpn_protocols = vec![spoken.to_owned()];
        if self.clients.is_some() {
            // A resumed session is not asked for its certificate again: it could outlive that, or
            // be revoked meanwhile.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

fn unfit(path: &Path, problem: &'static str) -> TlsError {
    TlsError::Unfit { path: path.to_owned(), problem }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|_| unfit(path, "is not PEM"))?;
    if read.is_empty() {
        return Err(unfit(path, "holds no certificate in PEM"));
    }
    Ok(read)
}

/// Checks the dates of the first certificate, and returns the time at which it expires.
fn check_validity(
    path: &Path,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, TlsError> {
    let first = chain.first().map(|first| Certificate::from_der(first));
    let Some(Ok(first)) = first else {
        return Err(unfit(path, "its first certificate cannot be read"));
    };
    let validity = first.tbs_certificate().validity();
    let time = |time: Duration| Timestamp::default().after(time);
    let begin = time(validity.not_before.to_unix_duration());
    // The last second belongs to it (RFC 5280 §4.1.2.5).
    let end = time(validity.not_after.to_unix_duration()).after(Duration::from_secs(1));
    if now >= end {
        let time = validity.not_after.to_string();
        return Err(TlsError::Expired { path: path.to_owned(), time });
    }
    if now < begin {
        let time = validity.not_before.to_string();
        return Err(TlsError::Early { path: path.to_owned(), time });
    }
    Ok(end)
}

fn identity(
    settings: &TlsSettings,
    key: &[u8],
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let TlsSettings { cert, key: path, .. } = settings;
    let key = PrivateKeyDer::from_pem_slice(key);
    let key = key.map_err(|_| unfit(path, "holds no private key in PEM, or an encrypted one"))?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|_| unfit(path, "its private key is of no kind that TLS knows"))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(identity),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { cert: cert.clone(), key: path.clone() })
        }
        Err(_) => Err(unfit(cert, "its first certificate cannot be used")),
    }
}

fn verifier(
    clients: &ClientCertificates,
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let authorities = certificates(&clients.ca, &contents.client_ca)?;
    // A list that is out of date is no list: who was revoked since is not on it.
    let lists = match &clients.crl {
        Some(crl) => lists(crl, &contents.crl)?,
        None => Vec::new(),
    };
    let verifier = ByTrustDomain::over(&authorities, |authorities| {
        verifier_of(authorities, &lists, clients, provider)
    })?;
    Ok(Arc::new(Discreet::over(Arc::new(verifier))))
}

/// A verifier that trusts these authorities alone.
fn verifier_of(
    authorities: &[CertificateDer<'static>],
    lists: &[CertificateRevocationListDer<'static>],
    clients: &ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let added = roots.add(authority.clone());
        added.map_err(|_| unfit(&clients.ca, "one of its certificates cannot be read"))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match &clients.crl {
        Some(_) => builder.with_crls(lists.to_owned()).enforce_revocation_expiration(),
        None => builder,
    };
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| match (error, &clients.crl) {
        (VerifierBuilderError::InvalidCrl(_), Some(crl)) => {
            unfit(crl, "one of its revocation lists cannot be read")
        }
        _ => unfit(&clients.ca, "holds no certificate of a CA"),
    })?;
    Ok(verifier)
}

fn lists(path: &Path, pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|_| unfit(path, "is not PEM"))?;
    if read.is_empty() {
        return Err(unfit(path, "holds no revocation list in PEM"));
    }
    Ok(read)
}
