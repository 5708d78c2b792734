//! Matching of certificates with clients for mTLS (RFC 8705 §2.1).

use std::fmt;

#[cfg(feature = "server")]
use serde::{Deserialize, Serialize};

use super::{invalid::Invalid, spiffe_id::SpiffeId};

/// One way to recognise a client's certificate. Written `dns:…`, `uri:…` or `sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "server", derive(Serialize, Deserialize))]
pub enum CertificateIdentity {
    /// A DNS name among its subject alternative names, in lower case.
    Dns(Box<str>),
    /// A URI among its subject alternative names, such as a SPIFFE id, byte for byte.
    Uri(Box<str>),
    /// SHA-256 of the certificate itself, for one that nobody vouches for (RFC 8705 §2.2).
    Sha256([u8; 32]),
}

impl CertificateIdentity {
    /// Most identities of one client.
    pub const MAX: usize = 16;

    /// Reads the text.
    ///
    /// # Errors
    /// Says what an identity is when `text` is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const FORM: Invalid = Invalid(
            "must be dns: and a host name, uri: and a URI, or sha256: and 64 hexadecimal digits",
        );
        const SPIFFE: Invalid = Invalid(
            "must be the SPIFFE ID of a workload: spiffe://, a trust domain in lower case and a path",
        );
        let (kind, value) = text.split_once(':').ok_or(FORM)?;
        let fits = |most: usize| {
            (1..=most).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match kind {
            "dns" if fits(255) && !value.contains(['*', '/', ':']) => {
                Ok(Self::Dns(value.to_ascii_lowercase().into()))
            }
            "uri" if SpiffeId::is_claimed_by(value) => {
                let is_workload = |id: &SpiffeId<'_>| id.is_workload();
                SpiffeId::parse(value).filter(is_workload).ok_or(SPIFFE)?;
                Ok(Self::Uri(value.into()))
            }
            "uri" if fits(255) && value.contains(':') => Ok(Self::Uri(value.into())),
            "sha256" => fingerprint(value).map(Self::Sha256).ok_or(FORM),
            _ => Err(FORM),
        }
    }

    /// Reads several. One that is repeated counts once.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, Invalid> {
        let mut identities = Vec::new();
        for text in texts {
            let identity = Self::parse(text)?;
            if !identities.contains(&identity) {
                identities.push(identity);
            }
        }
        Ok(identities)
    }
}

/// Hexadecimal digits, with or without the colons that openssl prints between bytes.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> =
        text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect();
    bytes?.try_into().ok()
}

impl fmt::Display for CertificateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Sha256(hash) => {
                f.write_str("sha256:")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_back_as_they_are_shown() {
        let hash = format!("sha256:{}", "0a".repeat(32));
        for text in ["dns:orders.example", "uri:spiffe://example/ns/orders", &hash] {
            let identity = CertificateIdentity::parse(text).expect("an identity");
            assert_eq!(identity.to_string(), text);
        }
        let colons = format!("sha256:{}", ["0A"; 32].join(":"));
        assert_eq!(CertificateIdentity::parse(&colons), CertificateIdentity::parse(&hash));
        assert_eq!(
            CertificateIdentity::parse("dns:A.Example"),
            CertificateIdentity::parse("dns:a.example")
        );
    }

    #[test]
    fn whatever_names_more_than_one_certificate_is_refused() {
        for text in [
            "",
            "orders.example",
            "dns:",
            "dns:*.example",
            "uri:orders",
            "sha256:0a",
            "cn:orders",
            "uri:spiffe://example",
            "uri:spiffe://Example/orders",
            "uri:SPIFFE://example/orders",
        ] {
            assert!(CertificateIdentity::parse(text).is_err(), "{text}");
        }
    }
}
