//! Opens the store in a database that other instances may share.

#[cfg(feature = "postgres")]
use std::sync::Arc;

use super::open::StartError;
#[cfg(feature = "postgres")]
use crate::{
    app::{SystemClock, SystemEntropy},
    config::DatabaseTlsMode,
    store::postgres::{ClientCertificate, PostgresOptions, PostgresStore, TlsMode, TlsOptions},
};
use crate::{
    config::{DatabaseUrl, StoreSettings},
    store::Engine,
};

/// Opens the store at `url`.
#[cfg(feature = "postgres")]
pub(super) async fn open(
    settings: &StoreSettings,
    url: &DatabaseUrl,
) -> Result<Engine, StartError> {
    let (options, clock) = (options(settings, url), Arc::new(SystemClock));
    let store = PostgresStore::open(&options, clock, &SystemEntropy).await?;
    Ok(store.into())
}

/// There is nothing in this build to open it with.
#[cfg(not(feature = "postgres"))]
pub(super) async fn open(_: &StoreSettings, _: &DatabaseUrl) -> Result<Engine, StartError> {
    Err(StartError::NoPostgres)
}

/// Where the settings say that the store is, if that is a database.
#[cfg(feature = "postgres")]
pub fn database(settings: &StoreSettings) -> Option<PostgresOptions> {
    settings.url.as_ref().map(|url| options(settings, url))
}

#[cfg(feature = "postgres")]
pub(super) fn options(settings: &StoreSettings, url: &DatabaseUrl) -> PostgresOptions {
    PostgresOptions {
        url: url.url.clone(),
        tls: tls(settings, url),
        // And the barrier's own.
        connections: usize::try_from(settings.connections).unwrap_or(usize::MAX).saturating_add(1),
        cache_bytes: settings.cache_bytes.as_u64(),
        max_staleness: settings.max_staleness,
    }
}

#[cfg(feature = "postgres")]
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
