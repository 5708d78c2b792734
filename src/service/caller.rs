//! Callers: the presented credentials, and the caller that they prove.

use std::{net::IpAddr, sync::Arc};

use super::shares::Share;
use crate::{
    domain::{
        certificate::CertificateIdentity,
        client::{Client, ClientType},
        client_id::ClientId,
        confirmation::PeerCertificate,
        permission::{Permissions, Task},
        secret::Secret,
        subject::UserId,
    },
    store::{Sequence, Stored},
};

/// Credentials of a request: exactly one method, as the wire layers ensure.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing was presented.
    Nothing,
    /// A `client_id` alone, in each reading of what was sent, the likeliest first: good for public
    /// clients.
    ClientId(Vec<String>),
    /// `client_id` and secret (RFC 6749 §2.3.1), in each reading of what was sent, the likeliest first.
    Secret(Vec<IdAndSecret>),
    /// The verified certificate of the connection (RFC 8705 §2).
    Certificate {
        /// Identities in the certificate.
        identities: Arc<[CertificateIdentity]>,
        /// The client that the request names beside it, in each reading; none where it names none.
        client_ids: Vec<String>,
    },
    /// A signed assertion (RFC 7521 §4.2).
    Assertion(Assertion),
    /// An access token that a client got for itself and for jeton (RFC 6750).
    Bearer(ShownBearer),
}

/// An access token that came as credentials, and the certificate of the connection that it came over.
#[derive(Clone, Debug)]
pub struct ShownBearer {
    /// The token.
    pub(super) token: Secret,
    /// The certificate, which the holder of a bound token must show.
    pub(super) certificate: Option<PeerCertificate>,
}

/// An assertion, with the names that come with it.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The assertion.
    pub(super) text: Secret,
    /// The client that the request names beside it.
    pub(super) client_id: Option<String>,
    /// The client that the assertion is of by its own words, if it speaks for its own signer: one that
    /// a trusted issuer has signed names another subject than itself.
    pub(super) claimed: Option<String>,
}

/// A client's id and its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdAndSecret {
    /// Client that owns the secret.
    pub client_id: String,
    /// The secret presented.
    pub secret: Secret,
    /// Address of the peer: an address with many wrong secrets waits.
    pub address: Option<IpAddr>,
}

impl Credentials {
    /// The name of the client, in each reading; none where no name was sent.
    pub(super) fn client_ids(&self) -> Vec<&str> {
        match self {
            Self::ClientId(client_ids) | Self::Certificate { client_ids, .. } => {
                client_ids.iter().map(String::as_str).collect()
            }
            Self::Secret(readings) => {
                readings.iter().map(|reading| reading.client_id.as_str()).collect()
            }
            Self::Assertion(Assertion { client_id, claimed, .. }) => {
                claimed.iter().chain(client_id).map(String::as_str).take(1).collect()
            }
            Self::Nothing | Self::Bearer(_) => Vec::new(),
        }
    }
}

/// A user who administers by permissions that a trusted issuer vouches for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActingPerson {
    pub(super) user: UserId,
    pub(super) permissions: Permissions,
}

/// An authenticated client. Only [`Authentication`](super::Authentication) makes one,
/// so a function that takes a caller cannot be reached without authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Stored<Client>,
    /// The person that it speaks for, in administration alone.
    person: Option<ActingPerson>,
    /// The certificate of its connection, also if it authenticates in another way.
    certificate: Option<PeerCertificate>,
    /// Noted before anything was read for the caller.
    position: Sequence,
    #[expect(dead_code, reason = "held: its place among the calls that make or end tokens")]
    place: Option<Arc<Share>>,
}

impl Caller {
    pub(super) const fn new(client: Stored<Client>) -> Self {
        Self { client, person: None, certificate: None, position: Sequence(0), place: None }
    }

    /// The caller as the application of a person, who administers.
    pub(super) fn acting_for(self, person: ActingPerson) -> Self {
        Self { person: Some(person), ..self }
    }

    /// The caller over a connection whose peer has shown this certificate.
    #[must_use]
    pub fn over(self, certificate: Option<PeerCertificate>) -> Self {
        Self { certificate, ..self }
    }

    /// The certificate of its connection.
    pub(super) const fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }

    /// The person that it speaks for, if it does.
    pub(super) const fn person(&self) -> Option<ActingPerson> {
        self.person
    }

    /// Returns whether it may do this in administration: as a confidential client with a permission, or
    /// for a person who has one. A client that has no secret to keep administers nothing by itself.
    pub(super) fn may(&self, task: Task) -> bool {
        if let Some(person) = self.person {
            return person.permissions.allow(task);
        }
        let confidential = self.client.client_type == ClientType::Confidential;
        confidential && self.client.permissions.allow(task)
    }

    /// The caller of a call for which nothing was read before the store's position was this one.
    pub(super) fn read_at(self, position: Sequence) -> Self {
        Self { position, ..self }
    }

    /// The caller in a place that it holds for as long as it lasts.
    pub(super) fn in_place(self, place: Share) -> Self {
        Self { place: Some(Arc::new(place)), ..self }
    }

    /// Everything read for the call reflects the events of the feed up to this one.
    pub(super) const fn position(&self) -> Sequence {
        self.position
    }

    /// The client's record as it was when it authenticated.
    pub fn client(&self) -> &Stored<Client> {
        &self.client
    }

    /// Returns whether it may see causes of refusals: it administers, or reads what administrators
    /// read.
    pub fn may_know_causes(&self) -> bool {
        self.may(Task::ReadClients)
    }

    /// The client's name.
    pub fn id(&self) -> &ClientId {
        &self.client.id
    }
}
