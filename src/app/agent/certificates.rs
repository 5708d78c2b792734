//! The certificate that an agent serves with.

use tokio::task::spawn_blocking;

use crate::{
    app::{lifecycle::ServeError, start::Refusal, tls_watch},
    config::TlsSettings,
    transport::{CertificateMetrics, Tls},
};

/// Reads the certificate that an agent serves with, if it has one.
///
/// # Errors
/// When it cannot be used.
pub(super) async fn load_agents(
    settings: Option<TlsSettings>,
    metrics: CertificateMetrics,
) -> Result<Option<Tls>, Refusal> {
    Ok(spawn_blocking(|| tls_watch::load(settings, metrics)).await??)
}

/// Reads what an agent would serve with, to see whether it could.
///
/// # Errors
/// When it could not.
pub async fn load_certificates(settings: TlsSettings) -> Result<(), ServeError> {
    let loaded = load_agents(Some(settings), CertificateMetrics::new()).await;
    loaded.map(drop).map_err(ServeError::Agent)
}
