//! The certificate: whether a start can use it, and for how long.

use std::time::Duration;

use http::Uri;

use super::{
    super::{StartError, tls_watch},
    finding::Findings,
};
use crate::{config::Settings, domain::time::Timestamp, transport::CertificateMetrics};

/// Remaining life of a certificate below which it should be renewed: two weeks.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Reads what `[tls]` names, as a start would.
pub(super) fn examine(settings: &Settings, now: Timestamp, findings: &mut Findings) {
    let tls = match tls_watch::load(settings.tls.clone(), CertificateMetrics::new()) {
        Ok(None) => return,
        Ok(Some(tls)) => tls,
        Err(error) => {
            let error = StartError::from(error).to_string();
            return findings.error("certificate", error, "replace the file");
        }
    };
    let left = tls.expire_time().since(now);
    let found = format!("it can be used for {}", humantime::format_duration(whole_hours(left)));
    if left < SOON {
        findings.warn("certificate", found, "renew it: it is read again without a restart");
    } else {
        findings.good("certificate", found);
    }
    let issuer = settings.http.issuer.as_deref().and_then(|issuer| issuer.parse::<Uri>().ok());
    if let Some(host) = issuer.as_ref().and_then(Uri::host).filter(|host| !tls.names(host)) {
        let found = format!("it does not name {host}, where http.issuer says that clients find it");
        let remedy = "have one issued for that name, unless something in front has its own";
        findings.warn("certificate", found, remedy);
    }
}

const fn whole_hours(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 3600 * 3600)
}
