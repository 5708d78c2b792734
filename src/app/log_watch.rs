//! Changes the log while the process serves: SIGHUP has the settings read again for it.

use std::convert::Infallible;

use tokio::signal::unix::Signal;

use super::{StartError, key_watch::hangups, listen::system};
use crate::{
    config::{Faults, LogSettings},
    telemetry::Log,
};

/// Hears SIGHUP for the log.
pub struct LogWatch {
    hangups: Signal,
}

impl LogWatch {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> Result<Self, StartError> {
        let hangups = hangups().map_err(|error| system("signals", error))?;
        Ok(Self { hangups })
    }

    /// At each SIGHUP changes `log` to what `read` comes to, until it is dropped. Settings at fault
    /// change nothing.
    pub async fn follow(
        mut self,
        log: &Log,
        read: impl Fn() -> Result<LogSettings, Faults>,
    ) -> Infallible {
        loop {
            if self.hangups.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            match read() {
                Ok(settings) => {
                    log.change(&settings);
                    let LogSettings { filter, format } = settings;
                    tracing::info!(%filter, ?format, "[log] was read again");
                }
                Err(faults) => {
                    tracing::error!(%faults, "[log] stays as it was: the settings are at fault");
                }
            }
        }
    }
}
