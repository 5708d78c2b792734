//! The proof of an agent's own identity, from files that are read again when it is needed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::spawn_blocking;

use super::super::{CliError, proof::Proof};
use crate::{
    client::AssertionFile,
    config::{Environment as _, ServingEnvironment, secret_text},
    domain::secret::Secret,
};

/// Proof of the client as which an agent calls.
#[derive(Clone)]
pub(super) enum OwnProof {
    /// Its secret; empty where a certificate proves who calls.
    Secret(SecretSource),
    /// An assertion of a trusted issuer.
    Assertion(AssertionFile),
}

impl OwnProof {
    /// A proof that flags, environment or profile have.
    pub(super) fn of(proof: Proof) -> Self {
        match proof {
            Proof::Secret(secret) => {
                Self::Secret(SecretSource { file: None, known: Arc::new(Mutex::new(secret)) })
            }
            Proof::Assertion(file) => Self::Assertion(file),
            // An agent is a client: it does not act for a person.
            Proof::Person(tokens) => Self::of(Proof::Secret(tokens.client_secret)),
        }
    }

    /// The secret in a file, which is read once now.
    pub(super) async fn secret_in(file: PathBuf) -> Result<Self, CliError> {
        SecretSource::read(file).await.map(Self::Secret)
    }
}

/// The client's secret, and where it comes from.
#[derive(Clone)]
pub(super) struct SecretSource {
    file: Option<Arc<Path>>,
    /// As it was read last.
    known: Arc<Mutex<Secret>>,
}

impl SecretSource {
    async fn read(file: PathBuf) -> Result<Self, CliError> {
        let file: Arc<Path> = file.into();
        let secret = secret_in(Arc::clone(&file)).await;
        let secret = secret.map_err(|error| CliError::File(file.display().to_string(), error))?;
        Ok(Self { file: Some(file), known: Arc::new(Mutex::new(secret)) })
    }

    /// The secret as the file has it now; as it was, where the file cannot be read.
    pub(super) async fn now(&self) -> Secret {
        if let Some(file) = &self.file {
            match secret_in(Arc::clone(file)).await {
                Ok(secret) => *self.known.lock().unwrap_or_else(PoisonError::into_inner) = secret,
                Err(error) => {
                    let file = file.display();
                    tracing::error!(%file, %error, "the client's secret is used as it was");
                }
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn secret_in(file: Arc<Path>) -> std::io::Result<Secret> {
    let read = spawn_blocking(move || {
        let text = ServingEnvironment.read(&file)?;
        let text = std::str::from_utf8(&text.bytes)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        Ok(Secret::new(secret_text(text)))
    });
    read.await.map_err(std::io::Error::other)?
}
