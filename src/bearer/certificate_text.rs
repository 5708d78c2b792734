//! Certificates as proxies hand them on: the visitor's, in a header or a field.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;

use super::PeerCertificate;

/// Longest text that is read.
const MAX_BYTES: usize = 64 << 10;

/// Reads a certificate: a byte sequence between colons (`Client-Cert`, RFC 9440 §2.1), base64 of DER, or PEM,
/// each also percent-encoded, and PEM with spaces for its line breaks. Of several the first is the visitor's
/// own. `None` for anything else.
pub fn read(text: &str) -> Option<PeerCertificate> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    if text.len() > MAX_BYTES {
        return None;
    }
    let text = percent_decode_str(text).decode_utf8().ok()?;
    let text = text.trim_ascii();
    let base64 = match text.strip_prefix(BEGIN) {
        Some(rest) => rest.split_once(END)?.0,
        None => match text.strip_prefix(':') {
            Some(rest) => rest.strip_suffix(':')?,
            None => text,
        },
    };
    let base64: String = base64.split_ascii_whitespace().collect();
    let der = BASE64_STANDARD.decode(base64).ok().filter(|der| !der.is_empty())?;
    Some(PeerCertificate::from_der(&der))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_is_read_as_each_proxy_writes_it_and_nothing_else_is_one() {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(["orders.example".to_owned()]).expect("a name");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let expected = Some(PeerCertificate::from_der(certificate.der()));
        let base64 = BASE64_STANDARD.encode(certificate.der());
        let pem = certificate.pem();
        let encoded = utf8_percent_encode(&pem, NON_ALPHANUMERIC).to_string();
        let (spaced, chain) = (pem.replace('\n', " "), format!("{pem}{pem}"));
        let structured = format!(":{base64}:");
        for text in [&base64, &structured, &pem, &encoded, &spaced, &chain] {
            assert_eq!(read(text), expected, "{text}");
        }
        let (half, open) = (&pem[..pem.len() / 2], format!(":{base64}"));
        for text in ["", "::", "-", "(null)", half, &open, &format!("{base64}, {base64}")] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"A".repeat(MAX_BYTES + 4)), None);
    }
}
