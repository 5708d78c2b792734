//! Why there is no log.

use std::{io, path::PathBuf};

use thiserror::Error;
use tracing_subscriber::util::TryInitError;

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// A log was started before.
    #[error(transparent)]
    Started(#[from] TryInitError),
    /// The audit's file cannot be opened.
    #[error("the audit file {}: {error}", path.display())]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Spans cannot be sent.
    #[error("traces: {0}")]
    Traces(String),
}
