//! A certification authority that exists only in a test.

use std::{fs, path::Path};

use jeton::domain::certificate::CertificateIdentity;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

/// A CA, or what calls itself one.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// A certificate, its key, and the number that a revocation list names it by.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    serial: u64,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// The authority of a trust domain of SPIFFE, which its own certificate names.
    pub(crate) fn of_domain(domain: &str) -> Self {
        let id = san(&format!("spiffe://{domain}"));
        Self::with(domain, |parameters| parameters.subject_alt_names = vec![id])
    }

    fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = CertificateParams::default();
        change(&mut parameters);
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for the server under test.
    pub(crate) fn server(&self, serial: u64) -> Issued {
        self.issue(serial, ExtendedKeyUsagePurpose::ServerAuth, &["localhost"], |_| {})
    }

    /// One that ended in 2020.
    pub(crate) fn expired_server(&self) -> Issued {
        self.issue(1, ExtendedKeyUsagePurpose::ServerAuth, &["localhost"], expired)
    }

    /// A certificate for a client of these names.
    pub(crate) fn client(&self, serial: u64, names: &[&str]) -> Issued {
        self.issue(serial, ExtendedKeyUsagePurpose::ClientAuth, names, |_| {})
    }

    /// One that ended in 2020.
    pub(crate) fn expired_client(&self, serial: u64, names: &[&str]) -> Issued {
        self.issue(serial, ExtendedKeyUsagePurpose::ClientAuth, names, expired)
    }

    /// A certificate for a client, which may sign others besides.
    pub(crate) fn signing_client(&self, serial: u64, names: &[&str]) -> Issued {
        self.issue(serial, ExtendedKeyUsagePurpose::ClientAuth, names, |parameters| {
            parameters.key_usages =
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        })
    }

    fn issue(
        &self,
        serial: u64,
        purpose: ExtendedKeyUsagePurpose,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from(serial));
        parameters.extended_key_usages = vec![purpose];
        parameters.subject_alt_names = names.iter().map(|name| san(name)).collect();
        change(&mut parameters);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), serial }
    }

    /// A client's certificate that nobody but its holder vouches for.
    pub(crate) fn self_signed(name: &str) -> Issued {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), serial: 0 }
    }

    /// A list of certificates that it has revoked.
    pub(crate) fn revoked(&self, certificates: &[&Issued]) -> String {
        let revoked = |issued: &&Issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: certificates.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

impl Issued {
    /// Returns the name of this very certificate in a client record.
    pub(crate) fn identity(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM");
        CertificateIdentity::Sha256(Sha256::digest(der).into()).to_string()
    }

    /// Writes it where a server finds it: the key first, as careful people do.
    pub(crate) fn write(&self, directory: &Path) {
        fs::write(directory.join("server.key"), &self.key).expect("the key");
        fs::write(directory.join("server.pem"), &self.certificate).expect("the certificate");
    }
}

fn san(name: &str) -> SanType {
    if name.contains(':') {
        SanType::URI(name.try_into().expect("a URI"))
    } else {
        SanType::DnsName(name.try_into().expect("a name"))
    }
}

fn expired(parameters: &mut CertificateParams) {
    parameters.not_before = date_time_ymd(2019, 1, 1);
    parameters.not_after = date_time_ymd(2020, 1, 1);
}
