//! Identities in a certificate, in the words of client records.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::domain::certificate::CertificateIdentity;

/// The certificate's own hash, and each DNS name and URI among its subject alternative names. A name
/// that no client record can hold, such as one with a wildcard, is left out.
pub(super) fn identities(certificate: &CertificateDer<'_>) -> Vec<CertificateIdentity> {
    let hash = CertificateIdentity::Sha256(Sha256::digest(certificate).into());
    let names = names(certificate);
    let names = names.iter().filter_map(|name| CertificateIdentity::parse(name).ok());
    std::iter::once(hash).chain(names).collect()
}

/// The hosts that a server's certificate is for: DNS names, with their wildcards, and addresses.
pub(super) fn hosts(certificate: &CertificateDer<'_>) -> Vec<String> {
    let host = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    };
    alternatives(certificate).iter().filter_map(host).collect()
}

/// Returns whether a certificate's `name` covers `host`: without regard to case, and `*.` for one
/// label.
pub(super) fn is_for(name: &str, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let within = name.strip_prefix("*.").zip(host.split_once('.'));
    name.eq_ignore_ascii_case(host)
        || within.is_some_and(|(domain, (_, rest))| domain.eq_ignore_ascii_case(rest))
}

fn alternatives(certificate: &CertificateDer<'_>) -> Vec<GeneralName> {
    let Ok(parsed) = Certificate::from_der(certificate) else { return Vec::new() };
    let found = parsed.tbs_certificate().get_extension::<SubjectAltName>();
    let Ok(Some((_, SubjectAltName(names)))) = found else { return Vec::new() };
    names
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let name = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(format!("dns:{name}")),
        GeneralName::UniformResourceIdentifier(uri) => Some(format!("uri:{uri}")),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    };
    alternatives(certificate).iter().filter_map(name).collect()
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

    #[test]
    fn dns_names_and_uris_are_identities_and_so_is_the_hash() {
        let dns = |name: &str| SanType::DnsName(name.try_into().expect("a name"));
        let uri = SanType::URI("spiffe://example/orders".try_into().expect("a URI"));
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let found = of(vec![dns("Orders.Example"), uri, address, dns("*.example")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("sha256:"));
        assert_eq!(found[1..], ["dns:orders.example", "uri:spiffe://example/orders"]);
    }

    #[test]
    fn a_wildcard_stands_for_one_label_and_case_for_nothing() {
        for (name, host, is) in [
            ("Tokens.Example", "tokens.example", true),
            ("*.example", "tokens.example", true),
            ("*.example", "a.tokens.example", false),
            ("*.example", "example", false),
            ("tokens.example", "tokens.example.net", false),
            ("::1", "[::1]", true),
        ] {
            assert_eq!(is_for(name, host), is, "{name} {host}");
        }
    }

    #[test]
    fn a_certificate_without_names_has_its_hash() {
        assert_eq!(of(Vec::new()).len(), 1);
    }
}
