//! What does not keep settings from being used, and should still be seen.

use std::{net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::domain::{client_id::ClientId, user_name::UserName, weakness::Weakness};

/// One thing to log once at start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    /// The file holds a clear secret or password, and its mode lets group or others read it.
    #[error("{} holds secrets and can be read by others than its owner: chmod 600", path.display())]
    Exposed {
        /// The settings file, or one that it names.
        path: PathBuf,
    },
    /// A listener takes connections from other machines without TLS, as `allow_plaintext` says.
    #[error("{listener} listens on {address} without TLS: something in front must encrypt")]
    Plaintext {
        /// The section: `grpc` or `http`.
        listener: &'static str,
        /// Where it listens.
        address: SocketAddr,
    },
    /// A declared password is not what `[passwords]` asks of those that are set elsewhere.
    #[error("the password of user {name} {problem}")]
    Password {
        /// Whose.
        name: UserName,
        /// What it should be.
        problem: Weakness,
    },
    /// A declared client secret is not what `[secrets]` asks of those that are set elsewhere, and
    /// `weak_declared` lets it be.
    #[error("the secret of client {id} {problem}")]
    Secret {
        /// Whose.
        id: ClientId,
        /// What it should be.
        problem: Weakness,
    },
    /// There is a collector to send traces to, and nothing in this build that could.
    #[error("traces.endpoint is for nothing: jeton was built without the feature otlp")]
    NoTraces,
}
