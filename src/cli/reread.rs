//! Settings that a running process has read again.

use crate::{
    config::{Faults, LogSettings},
    telemetry::LogSwitch,
};

/// Settings that were read again.
pub(super) struct Reread {
    /// Settings of the log, which are applied.
    pub(super) log: LogSettings,
    /// Sections that differ from those in force and need a restart.
    pub(super) restart: Vec<&'static str>,
}

/// Applies the current settings of the log, and logs the sections that differ from those in force.
/// Settings at fault change nothing.
pub(super) fn apply(log: &LogSwitch, read: Result<Reread, Faults>) {
    match read {
        Ok(Reread { log: settings, restart: sections }) => {
            log.change(&settings);
            let LogSettings { filter, format } = settings;
            tracing::info!(%filter, ?format, "[log] was read again");
            if !sections.is_empty() {
                tracing::warn!(?sections, "these settings have changed and need a restart");
            }
        }
        Err(faults) => {
            tracing::error!(%faults, "[log] stays as it was: the settings are at fault");
        }
    }
}
