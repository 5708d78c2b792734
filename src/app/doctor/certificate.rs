//! The certificate: whether a start can use it, and for how long.

use std::time::Duration;

use super::{super::tls_watch, finding::Findings};
use crate::{config::Settings, domain::time::Timestamp, transport::CertificateMetrics};

/// What is left of a certificate's time when somebody should renew it: two weeks.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Reads what `[tls]` names, as a start would.
pub(super) fn examine(settings: &Settings, now: Timestamp, findings: &mut Findings) {
    let tls = match tls_watch::load(settings.tls.clone(), CertificateMetrics::new()) {
        Ok(None) => return,
        Ok(Some(tls)) => tls,
        Err(error) => return findings.error("certificate", error.to_string(), "replace the file"),
    };
    let left = tls.expire_time().since(now);
    let found = format!("it can be used for {}", humantime::format_duration(whole_hours(left)));
    if left < SOON {
        findings.warn("certificate", found, "renew it: it is read again without a restart");
    } else {
        findings.good("certificate", found);
    }
}

const fn whole_hours(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 3600 * 3600)
}
