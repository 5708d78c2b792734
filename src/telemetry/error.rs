//! Reason for which there is no log.

use std::{io, path::PathBuf};

use thiserror::Error;
use tracing_subscriber::util::TryInitError;

/// Reason for which there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// A log was started before.
    #[error(transparent)]
    Started(#[from] TryInitError),
    /// The audit's file cannot be opened.
    #[error("the audit file {}: {error}", path.display())]
    Audit {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// Spans cannot be sent.
    #[error("traces: {0}")]
    Traces(String),
}
