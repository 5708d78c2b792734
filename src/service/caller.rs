//! Who is calling: the credentials as they came, and the caller that they proved to be.

use std::sync::Arc;

use crate::{
    domain::{
        certificate::CertificateIdentity, client::Client, client_id::ClientId, secret::Secret,
        subject::UserId,
    },
    store::Stored,
};

/// How a request says who sends it; exactly one way, which the wire layers see to.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing was presented.
    Nothing,
    /// A `client_id` alone: good for public clients.
    ClientId(String),
    /// `client_id` and secret (RFC 6749 §2.3.1).
    Secret {
        /// Whose secret.
        client_id: String,
        /// The secret presented.
        secret: Secret,
        /// Another reading of the same bytes, tried when the first is no one's.
        raw: Option<(String, Secret)>,
    },
    /// The verified certificate of the connection (RFC 8705 §2).
    Certificate {
        /// What it says of its holder.
        identities: Arc<[CertificateIdentity]>,
        /// The client that the request names beside it.
        client_id: Option<String>,
    },
    /// One of our own access tokens, meant for jeton (RFC 6750).
    Bearer(Secret),
}

/// An authenticated client. Only [`Service::authenticate`](super::Service) and its kin make one,
/// so a function that takes a caller cannot be reached without authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Stored<Client>,
    /// Set when the client's token of this user was presented, and not the client's own credentials.
    user: Option<UserId>,
}

impl Caller {
    pub(super) const fn new(client: Stored<Client>) -> Self {
        Self { client, user: None }
    }

    /// The holder of a token of `client`, which speaks for `user` or for the client itself.
    pub(super) const fn by_token(client: Stored<Client>, user: Option<UserId>) -> Self {
        Self { client, user }
    }

    /// The client's record as it was when it authenticated.
    pub fn client(&self) -> &Stored<Client> {
        &self.client
    }

    /// The client's name.
    pub fn id(&self) -> &ClientId {
        &self.client.id
    }

    /// Whether the client speaks for itself, not for a user of it.
    pub(super) const fn is_itself(&self) -> bool {
        self.user.is_none()
    }
}
