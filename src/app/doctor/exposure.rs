//! Connections without encryption, and listeners without authentication.

use super::super::start::Findings;
use crate::config::{Settings, Warning};

/// Listeners beyond this machine without TLS, and an issuer that clients would reach without.
pub(super) fn examine(settings: &Settings, warnings: &[Warning], findings: &mut Findings) {
    let mut plain = false;
    for warning in warnings {
        if let Warning::Plaintext { .. } = warning {
            plain = true;
            let remedy = "see to it that a mesh or proxy encrypts, and that nobody comes past it";
            findings.warn("plaintext", warning.to_string(), remedy);
        }
    }
    if !plain {
        findings.good("plaintext", "no secret and no token leaves this machine unencrypted");
    }
    if settings.http.issuer.as_ref().is_some_and(|issuer| issuer.starts_with("http://")) {
        let found = "http.issuer is http://: clients that follow it send secrets unencrypted";
        findings.warn("plaintext", found, "make it https:// (RFC 8414 §2)");
    }
    if let Some(address) = settings.ops.listen.as_ref().filter(|address| !address.is_local()) {
        let found = format!("ops on {address} shows everybody how busy the service is");
        findings.warn("plaintext", found, "let nobody but probes and Prometheus reach it");
    }
}
