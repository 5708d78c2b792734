//! Identities in a certificate, in the words of client records.

use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{KeyUsage, SubjectAltName, name::GeneralName},
};

use super::{certificate::CertificateIdentity, spiffe_id::SpiffeId};

/// The names of a certificate, as its holder's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// An X.509-SVID: its one URI is the SPIFFE ID, and nothing else in it names its holder (X509-SVID §2).
    Svid {
        /// The SPIFFE ID.
        id: String,
        /// Its trust domain.
        trust_domain: String,
    },
    /// DNS names and URIs, in the form of client records.
    Others(Vec<String>),
    /// A certificate that claims a SPIFFE ID and is no workload's X.509-SVID: it has a second URI, its ID is
    /// malformed or names no workload, or it may sign certificates.
    WrongSvid,
}

impl Name {
    /// Reads the subject alternative names.
    pub fn of(certificate: &[u8]) -> Self {
        let alternatives = subject_alternatives(certificate);
        let uris: Vec<_> = alternatives.iter().filter_map(uri).collect();
        if !uris.iter().any(|uri| SpiffeId::is_claimed_by(uri)) {
            return Self::Others(alternatives.iter().filter_map(other).collect());
        }
        let [only] = uris[..] else { return Self::WrongSvid };
        match SpiffeId::parse(only).filter(SpiffeId::is_workload) {
            Some(id) if !may_sign(certificate) => {
                Self::Svid { id: only.to_owned(), trust_domain: id.trust_domain().to_owned() }
            }
            Some(_) | None => Self::WrongSvid,
        }
    }
}

/// Returns the trust domain that an authority's own certificate names (X509-SVID §4.2): no other trust
/// domain is for it to vouch for.
pub fn trust_domain(authority: &[u8]) -> Option<String> {
    let alternatives = subject_alternatives(authority);
    let mut uris = alternatives.iter().filter_map(uri);
    let id = uris.find_map(SpiffeId::parse)?;
    Some(id.trust_domain().to_owned())
}

/// The certificate's own hash, and its SPIFFE ID or else each DNS name and URI among its subject
/// alternative names. A name that no client record can hold, such as one with a wildcard, is left out.
pub fn identities(certificate: &[u8]) -> Vec<CertificateIdentity> {
    let hash = CertificateIdentity::Sha256(Sha256::digest(certificate).into());
    let names = match Name::of(certificate) {
        Name::Svid { id, .. } => vec![format!("uri:{id}")],
        Name::Others(names) => names,
        Name::WrongSvid => Vec::new(),
    };
    let names = names.iter().filter_map(|name| CertificateIdentity::parse(name).ok());
    std::iter::once(hash).chain(names).collect()
}

/// Returns the subject alternative names; none of text that is no certificate.
pub fn subject_alternatives(certificate: &[u8]) -> Vec<GeneralName> {
    let Ok(parsed) = Certificate::from_der(certificate) else { return Vec::new() };
    let found = parsed.tbs_certificate().get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(names)))) = found else { return Vec::new() };
    names
}

/// Returns whether the certificate may sign others, or lists of revoked ones (X509-SVID §5.2).
fn may_sign(certificate: &[u8]) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate) else { return true };
    match parsed.tbs_certificate().get_extension::<KeyUsage>() {
        Ok(Some((_, usage))) => usage.key_cert_sign() || usage.crl_sign(),
        Ok(None) => false,
        Err(_) => true,
    }
}

fn uri(name: &GeneralName) -> Option<&str> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
        GeneralName::DnsName(_)
        | GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn other(name: &GeneralName) -> Option<String> {
    if let GeneralName::DnsName(name) = name {
        return Some(format!("dns:{name}"));
    }
    uri(name).map(|uri| format!("uri:{uri}"))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn of(names: Vec<SanType>) -> Vec<String> {
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = names;
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        identities(certificate.der()).iter().map(ToString::to_string).collect()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().expect("a name"))
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("a URI"))
    }

    #[test]
    fn dns_names_and_uris_are_identities_and_so_is_the_hash() {
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let other = uri("urn:orders");
        let found = of(vec![
            dns("Orders.Example"),
            uri("https://a.example"),
            other,
            address,
            dns("*.example"),
        ]);
        assert!(found[0].starts_with("sha256:"));
        assert_eq!(found[1..], ["dns:orders.example", "uri:https://a.example", "uri:urn:orders"]);
    }

    #[test]
    fn a_spiffe_id_is_the_only_name_of_its_certificate() {
        let found = of(vec![dns("billing.example"), uri("spiffe://example/orders")]);
        assert_eq!(found[1..], ["uri:spiffe://example/orders"]);
    }

    #[test]
    fn a_certificate_with_a_spiffe_id_and_another_uri_or_with_a_wrong_id_names_nobody() {
        let good = "spiffe://example/orders";
        for uris in [
            &[good, "spiffe://example/billing"][..],
            &[good, good],
            &["https://a.example", good],
            &["SPIFFE://example/orders"],
            &["spiffe://example"],
            &["spiffe://example/"],
            &["spiffe://example/../orders"],
        ] {
            let names = uris.iter().map(|text| uri(text)).chain([dns("orders.example")]);
            assert_eq!(of(names.collect()).len(), 1, "{uris:?}");
        }
    }

    #[test]
    fn a_certificate_without_names_has_its_hash() {
        assert_eq!(of(Vec::new()).len(), 1);
    }
}
