//! Follows certificates and keys on disk while the process serves: new ones come without a restart.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{SystemClock, expiry::Expiry, hangup::Reread};
use crate::{
    config::TlsSettings,
    domain::time::Clock as _,
    transport::{CertificateMetrics, Reload, Tls, TlsError},
};

/// Interval between two looks at the files.
const PERIOD: Duration = Duration::from_secs(1);

/// Reads what the settings name, if they do. Waits for the disk.
pub(super) fn load(
    settings: Option<TlsSettings>,
    metrics: CertificateMetrics,
) -> Result<Option<Tls>, TlsError> {
    let load = |settings| Tls::load(settings, Arc::new(SystemClock), metrics);
    settings.map(load).transpose()
}

/// Brings each change of the files to new connections, until it is dropped. Files that cannot be used
/// are logged once, if they still cannot be used a while later: files that belong together are
/// written one after the other. The previous ones stay in use, and every look tries again.
pub(super) async fn follow_certificates(tls: Tls, mut hangups: mpsc::Receiver<Reread>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wrong: Option<Wrong> = None;
    let mut expiry = Expiry::default();
    loop {
        let _until_read = tokio::select! {
            _ = ticks.tick() => None,
            Some(asked) = hangups.recv() => Some(asked),
        };
        expiry.tell(tls.expire_time(), SystemClock.now());
        let looking = tls.clone();
        let Ok(looked) = spawn_blocking(move || looking.reload()).await else { continue };
        wrong = match looked {
            Ok(Reload::Unchanged) => None,
            Ok(Reload::Changed { expire_time }) => {
                let expire_time = expire_time.as_secs();
                tracing::info!(expire_time, "the certificates have changed");
                None
            }
            Err(error) => Some(Wrong::still(wrong, error.to_string())),
        };
    }
}

/// Fault at the last look.
struct Wrong {
    error: String,
    since: Instant,
    told: bool,
}

impl Wrong {
    /// Returns the same fault as before, or another one that has just begun. Logs a fault that
    /// lasts.
    fn still(before: Option<Self>, error: String) -> Self {
        let same = before.filter(|before| before.error == error);
        let mut wrong = same.unwrap_or_else(|| Self { error, since: Instant::now(), told: false });
        if !wrong.told && wrong.since.elapsed() >= PERIOD {
            let error = &wrong.error;
            tracing::error!(error, "certificates on disk are refused: those before stay in use");
            wrong.told = true;
        }
        wrong
    }
}
