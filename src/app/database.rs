//! Options for a database that other instances may share.

use crate::{
    config::{DatabaseTlsMode, DatabaseUrl, StoreSettings},
    store::postgres::{ClientCertificate, PostgresOptions, TlsMode, TlsOptions},
};

/// Returns the options of the database in the settings, if the store is one.
pub fn database(settings: &StoreSettings) -> Option<PostgresOptions> {
    settings.url.as_ref().map(|url| options(settings, url))
}

pub(super) fn options(settings: &StoreSettings, url: &DatabaseUrl) -> PostgresOptions {
    PostgresOptions {
        url: url.url.clone(),
        tls: tls(settings, url),
        // One more connection, for the barrier.
        connections: usize::try_from(settings.connections).unwrap_or(usize::MAX).saturating_add(1),
        cache_bytes: settings.cache_bytes.as_u64(),
        max_staleness: settings.max_staleness,
        require_standby: settings.require_standby,
    }
}

fn tls(settings: &StoreSettings, url: &DatabaseUrl) -> TlsOptions {
    let mode = url.mode.map(|mode| match mode {
        DatabaseTlsMode::Disable => TlsMode::Disable,
        DatabaseTlsMode::Prefer => TlsMode::Prefer,
        DatabaseTlsMode::VerifyCa => TlsMode::VerifyCa,
        DatabaseTlsMode::VerifyFull => TlsMode::VerifyFull,
    });
    let identity = url.identity.as_ref();
    TlsOptions {
        mode,
        ca: url.ca.clone().or_else(|| settings.tls_ca.clone()),
        identity: identity
            .map(|files| ClientCertificate { cert: files.cert.clone(), key: files.key.clone() }),
    }
}
