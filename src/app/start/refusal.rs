//! Refusals of the steps of a start, in the words that a server ends with and a check prints.

use std::io;

use thiserror::Error;
use tokio::task::JoinError;

use super::super::{DeclareError, FirstAdminError, KeyRingError, SigningKeyError};
#[cfg(feature = "postgres")]
use crate::store::postgres;
use crate::{
    domain::{key_ring::KeyId, signing_key_id::SigningKeyId},
    store::{ReadError, WriteError, sled::OpenError},
    telemetry::LogError,
    transport::TlsError,
};

/// Reason for which a step is not taken.
#[derive(Debug, Error)]
pub enum Refusal {
    /// A listener cannot be bound, or another resource of the system is refused.
    #[error("{what}: {error}")]
    System {
        /// Purpose of the call.
        what: String,
        /// Cause.
        error: io::Error,
    },
    /// There is no log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store cannot be opened.
    #[error("the store at {path}: {error}")]
    Store {
        /// Path of the store.
        path: String,
        /// Cause.
        error: OpenError,
    },
    /// The store in a database cannot be opened.
    #[cfg(feature = "postgres")]
    #[error("the store: {0}")]
    Database(#[from] postgres::OpenError),
    /// The settings name a database.
    #[error("store.url: jeton was built without the feature postgres")]
    NoPostgres,
    /// There is no TLS to be had from what the settings name.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The key ring cannot be read.
    #[error("the key ring: {0}")]
    Keys(#[from] KeyRingError),
    /// The first key that signs access tokens cannot be made.
    #[error("the key ring: {0}")]
    SigningKeys(#[from] SigningKeyError),
    /// The store's records name keys, and this ring has none of them: it is another store's.
    #[error("the key ring has none of the keys that the store's records name: wrong keys.path?")]
    ForeignKeys,
    /// Another instance makes tokens with a key that this ring lacks, or may do so again.
    #[error(
        "the key ring lacks the key {0} that the store's records name, and other instances use: \
         wrong keys.path, or copy the key to it first"
    )]
    MissingKey(KeyId),
    /// Another instance signs with a key that this ring lacks, or did so a while ago.
    #[error(
        "the key ring lacks the signing key {0}, and tokens that it signed can be good: copy its file to \
         it first"
    )]
    MissingSigningKey(SigningKeyId),
    /// The declarations cannot be applied.
    #[error(transparent)]
    Declared(#[from] DeclareError),
    /// There is no administrator, and none can be made.
    #[error("the first administrator: {0}")]
    FirstAdmin(#[from] FirstAdminError),
    /// The store failed right at the start.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
    /// The store failed right at the start.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
    /// Everybody on the machine can replace data or keys.
    #[error("{found}: {remedy}")]
    Exposed {
        /// The exposed path, and its access rights.
        found: String,
        /// Advice.
        remedy: String,
    },
    /// A blocking part of the start panicked.
    #[error("starting panicked")]
    Panicked(#[from] JoinError),
}

/// Returns the refusal of the operating system to give a resource.
pub(in crate::app) fn system(what: &str, error: io::Error) -> Refusal {
    Refusal::System { what: what.to_owned(), error }
}
