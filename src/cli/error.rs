//! Errors of commands, in words for a person.

use std::io;

use thiserror::Error;
use tonic::Status;

use super::{meant::NotMeant, profile::ProfileError, refusal::Refusal};
use crate::{
    app::{
        BackupError, KeyRemovalError, KeyRingError, ResetError, RestoreError, ServeError,
        SigningKeyError, StoreCheckError,
    },
    client::AssertionFileError,
    config::{Faults, ListenAddress},
    oidc::OidcError,
    telemetry::LogError,
};

/// Failure of a command, in words for a person.
#[derive(Debug, Error)]
pub(super) enum CliError {
    /// The settings are at fault: one line each.
    #[error("{0}")]
    Settings(#[from] Faults),
    /// The service did not start, or did not end well.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Something on this machine.
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    /// Nothing answers.
    #[error(
        "cannot reach {server}: {why}\n{}",
        advice.as_deref().unwrap_or("Is jeton serving there? Another address: --server or JETON_SERVER.")
    )]
    Connect {
        /// URL at which the server should be.
        server: String,
        /// Cause.
        why: String,
        /// Advice, if the cause is one that has some.
        advice: Option<String>,
    },
    /// Of several servers some did not answer as they should.
    #[error("servers that do not answer, or do not serve: {0}")]
    SomeFailed(usize),
    /// The peer that answers is no gRPC server.
    #[error("{server} does not answer in gRPC: {refusal}\n{advice}")]
    NotGrpc {
        /// URL of the peer.
        server: String,
        /// Refusal in place of an answer.
        refusal: Box<Refusal>,
        /// Kind of the peer, and an address to try.
        advice: String,
    },
    /// The log has said why the process ends.
    #[error("see the log")]
    Logged,
    /// Nobody is logged in at the identity provider.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The tokens of a person have ended.
    #[error("the login of profile {0} has ended: log in again, jeton login {0} --issuer …")]
    LoginEnded(String),
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The profile that was named cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The person declined at the prompt.
    #[error("nothing was done")]
    NotConfirmed,
    /// A command that needs a confirmation or `--yes` has neither.
    #[error("nothing was done: no terminal to ask on, and no --yes")]
    NobodyToAsk,
    /// The command line lacks something.
    #[error("{0}")]
    Usage(&'static str),
    /// The URL of the server cannot be one, or may hold a secret.
    #[error("the server (--server, JETON_SERVER, or the profile's) {0}")]
    Server(&'static str),
    /// A value is of another kind than the command asks for.
    #[error("{0}")]
    NotMeant(#[from] NotMeant),
    /// The answer has no field of that name.
    #[error("the answer has no field {field}; it has {known}")]
    NoSuchField {
        /// Name of the field.
        field: String,
        /// Names of the fields that it has.
        known: String,
    },
    /// The server knows no such token.
    #[error(
        "nothing was revoked: this server knows no such token; is it the right server, and all of the token?"
    )]
    UnknownToken,
    /// The server is there and not serving, for this reason.
    #[error("not serving{0}")]
    NotServing(String),
    /// A server for a first look listens where other machines reach it.
    #[error(
        "everybody knows the credentials of --dev, an administrator's among them, and other machines \
         reach {0}: listen on 127.0.0.1, or declare clients of your own"
    )]
    EverybodyKnows(ListenAddress),
    /// A file.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The file of an assertion.
    #[error(transparent)]
    Assertion(#[from] AssertionFileError),
    /// A backup did not come through whole.
    #[error("the backup {0}")]
    Backup(#[from] BackupError),
    /// A backup was not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A store was not moved.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Migrate(#[from] crate::app::MigrateError),
    /// A store was not checked.
    #[error(transparent)]
    Check(#[from] StoreCheckError),
    /// A store was checked.
    #[error("the store is faulty")]
    Faulty,
    /// A server with these settings would not start here, or must not.
    #[error("not fit to serve: errors: {0}")]
    Unfit(usize),
    /// A file does not hold the public keys of a client.
    #[error("{0} {1}")]
    ClientKeys(String, String),
    /// The key ring is not in order, or not to be changed so.
    #[error("the key ring: {0}")]
    Keys(#[from] KeyRingError),
    /// A signing key was not made, activated or removed.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// A key was activated on disk, and a server goes on without it.
    #[error(
        "the key is active on disk, and the server does not use it. What it says of its key ring: {0}"
    )]
    KeyNotUsed(String),
    /// A key was not removed.
    #[error(transparent)]
    KeyRemoval(#[from] KeyRemovalError),
    /// A key was not removed.
    #[error(
        "the key may be needed: it is active, something live names it, or not all was looked at yet"
    )]
    KeyInUse,
    /// A key was not removed.
    #[error("the server's key ring holds no such key")]
    NoSuchKey,
    /// An administrator has no new secret.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// There is no log.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status.into()))
    }
}
