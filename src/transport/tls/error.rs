//! Faults of the TLS files that the settings name.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Fault of the files. Names them and never quotes their contents.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The path given for the key's file names none. It is not shown: it may be the key.
    #[error("the file of the private key, which tls.key names: {0}")]
    NoKey(io::Error),
    /// A file does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Unfit {
        /// Path of the file.
        path: PathBuf,
        /// Contents that it should have.
        problem: &'static str,
    },
    /// The key is another certificate's.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate has expired.
    #[error("{}: the certificate has expired on {time}", path.display())]
    Expired {
        /// Its file.
        path: PathBuf,
        /// When, in UTC.
        time: String,
    },
    /// The certificate is not valid yet.
    #[error("{}: the certificate is valid from {time} only", path.display())]
    Early {
        /// Its file.
        path: PathBuf,
        /// From when on, in UTC.
        time: String,
    },
    /// rustls finds something else.
    #[error("{0}")]
    Other(#[from] rustls::Error),
}
