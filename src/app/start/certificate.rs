//! The certificate: whether a start can use it, and for how long.

use std::time::Duration;

use http::Uri;
use tokio::task::spawn_blocking;

use super::{
    super::{SystemClock, tls_watch},
    finding::Findings,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::{
    config::Settings,
    domain::time::Clock as _,
    transport::{CertificateMetrics, Tls},
};

/// Remaining life of a certificate below which it should be renewed: two weeks.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Reads what `[tls]` names, if it does.
pub(in crate::app) struct Certificate<'a>(&'a Settings);

impl<'a> Certificate<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    async fn read(&self, metrics: CertificateMetrics) -> Result<Option<Tls>, Refusal> {
        let named = self.0.tls.clone();
        Ok(spawn_blocking(move || tls_watch::load(named, metrics)).await??)
    }
}

impl Step for Certificate<'_> {
    type Given = CertificateMetrics;
    type Made = Option<Tls>;

    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        let tls = match self.read(CertificateMetrics::new()).await {
            Ok(None) => return,
            Ok(Some(tls)) => tls,
            Err(refusal) => return findings.refuse("certificate", &refusal, "replace the file"),
        };
        let left = tls.expire_time().since(SystemClock.now());
        let found = format!("it can be used for {}", humantime::format_duration(whole_hours(left)));
        if left < SOON {
            findings.warn("certificate", found, "renew it: it is read again without a restart");
        } else {
            findings.good("certificate", found);
        }
        let issuer = self.0.http.issuer.as_deref().and_then(|issuer| issuer.parse::<Uri>().ok());
        if let Some(host) = issuer.as_ref().and_then(Uri::host).filter(|host| !tls.names(host)) {
            let found =
                format!("it does not name {host}, where http.issuer says that clients find it");
            let remedy = "have one issued for that name, unless something in front has its own";
            findings.warn("certificate", found, remedy);
        }
    }

    async fn take(self, metrics: CertificateMetrics) -> Result<Option<Tls>, Refusal> {
        self.read(metrics).await
    }
}

const fn whole_hours(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 3600 * 3600)
}
