//! Hosts that a server's certificate is for.

use std::net::IpAddr;

use x509_cert::ext::pkix::name::GeneralName;

use crate::domain::certificate_names::subject_alternatives;

/// The hosts that a server's certificate is for: DNS names, with their wildcards, and addresses.
pub(super) fn hosts(certificate: &[u8]) -> Vec<String> {
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
    subject_alternatives(certificate).iter().filter_map(host).collect()
}

/// Returns whether a certificate's `name` covers `host`: without regard to case, and `*.` for one
/// label.
pub(super) fn is_for(name: &str, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let within = name.strip_prefix("*.").zip(host.split_once('.'));
    name.eq_ignore_ascii_case(host)
        || within.is_some_and(|(domain, (_, rest))| domain.eq_ignore_ascii_case(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
