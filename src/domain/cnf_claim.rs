//! The `cnf` claim (RFC 7800, RFC 8705 §3): what the holder of a token must show, as JSON has it.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;

use super::{certificate::CertificateIdentity, confirmation::Confirmation};

/// The one certificate, or a name that each certificate of the holder has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CnfClaim {
    /// SHA-256 of the certificate (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<String>,
    /// `uri:` and a URI, or `dns:` and a host name. No RFC has a member for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_identity: Option<String>,
}

impl CnfClaim {
    /// The claim of a bound token.
    pub fn of(confirmation: &Confirmation) -> Self {
        match confirmation.identity() {
            CertificateIdentity::Sha256(hash) => {
                let certificate_sha256 = Some(BASE64_URL_SAFE_NO_PAD.encode(hash));
                Self { certificate_sha256, ..Self::default() }
            }
            name @ (CertificateIdentity::Dns(_) | CertificateIdentity::Uri(_)) => {
                Self { certificate_identity: Some(name.to_string()), ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_the_member_of_the_rfc_and_a_name_one_of_its_own() {
        let text = |identity: &str| {
            let identity = CertificateIdentity::parse(identity).expect("an identity");
            serde_json::to_string(&CnfClaim::of(&Confirmation::of(identity))).expect("a text")
        };
        let hash = format!("sha256:{}", "00".repeat(32));
        let thumbprint = "A".repeat(43);
        assert_eq!(text(&hash), format!(r#"{{"x5t#S256":"{thumbprint}"}}"#));
        let named = r#"{"certificate_identity":"uri:spiffe://example/orders"}"#;
        assert_eq!(text("uri:spiffe://example/orders"), named);
    }
}
