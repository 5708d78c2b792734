//! Follows certificates and keys on disk while the process serves: new ones come without a restart.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::Signal,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::SystemClock;
use crate::{
    config::Settings,
    transport::{CertificateMetrics, Reload, Tls, TlsError},
};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// Reads what the settings name, if they do.
pub(super) fn load(
    settings: &Settings,
    metrics: CertificateMetrics,
) -> Result<Option<Tls>, TlsError> {
    let load = |settings| Tls::load(settings, Arc::new(SystemClock), metrics);
    settings.tls.clone().map(load).transpose()
}

/// Brings each change of the files to new connections, until it is dropped. Files that cannot be used
/// are told of once, when they are still so at the second look: what belongs together is written
/// one after the other. Those before stay in use, and every look tries again.
pub(super) async fn follow_certificates(tls: Tls, mut hangups: Signal) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was wrong at the last look, and whether it was told of.
    let mut wrong: Option<(String, bool)> = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Some(()) = hangups.recv() => {}
        }
        let looking = tls.clone();
        let Ok(looked) = spawn_blocking(move || looking.reload()).await else { continue };
        wrong = match looked {
            Ok(Reload::Unchanged) => None,
            Ok(Reload::Changed { expire_time }) => {
                tracing::info!(
                    expire_time = expire_time.as_secs(),
                    "the certificates have changed"
                );
                None
            }
            Err(error) => {
                let error = error.to_string();
                let told = match wrong {
                    Some((before, told)) if before == error => {
                        if !told {
                            tracing::error!(
                                error,
                                "certificates on disk are refused: those before stay in use"
                            );
                        }
                        true
                    }
                    _ => false,
                };
                Some((error, told))
            }
        };
    }
}
