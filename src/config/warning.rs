//! Warnings about valid settings.

use std::path::PathBuf;

use thiserror::Error;

use super::listen_address::ListenAddress;
use crate::domain::{
    client_id::ClientId, issuer_name::IssuerName, user_name::UserName, weakness::Weakness,
};

/// A warning to log once at the start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    /// The file contains a clear secret or password, and its mode lets its group or others read it.
    #[error("{} holds secrets and can be read by others than its owner: chmod 600", path.display())]
    Exposed {
        /// The settings file, or a file that it names.
        path: PathBuf,
    },
    /// A listener takes connections from other machines without TLS, as `allow_plaintext` says.
    #[error("{listener} listens on {address} without TLS: something in front must encrypt")]
    Plaintext {
        /// The section: `grpc` or `http`.
        listener: &'static str,
        /// Its address.
        address: ListenAddress,
    },
    /// A declared password breaks the rules that `[passwords]` sets for other passwords.
    #[error("the password of user {name} {problem}")]
    Password {
        /// Name of the user.
        name: UserName,
        /// The broken rule.
        problem: Weakness,
    },
    /// A declared client secret breaks the rules that `[secrets]` sets for other secrets, and
    /// `weak_declared` permits it.
    #[error("the secret of client {id} {problem}")]
    Secret {
        /// ID of the client.
        id: ClientId,
        /// The broken rule.
        problem: Weakness,
    },
    /// A client lists an identity of an issuer that the settings do not name.
    #[error(
        "client {id} lists an identity of the issuer {issuer}, which no [[issuer]] names: nobody authenticates by it"
    )]
    Issuer {
        /// ID of the client.
        id: ClientId,
        /// Name of the issuer.
        issuer: IssuerName,
    },
    /// A client signs assertions, which nothing says the audience of.
    #[error(
        "client {id} has a jwks_file, and http.issuer is not set: assertions are meant for it, so none is taken"
    )]
    NoAudience {
        /// ID of the client.
        id: ClientId,
    },
    /// A collector is set, but this build cannot send traces.
    #[error("traces.endpoint is for nothing: jeton was built without the feature otlp")]
    NoTraces,
}
