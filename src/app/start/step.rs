//! A step of a start, which a server takes and a check examines without taking it.

use thiserror::Error;

use super::{finding::Findings, refusal::Refusal};
use crate::{
    config::Settings,
    domain::{client::Client, client_id::ClientId, key_ring::KeyId, signing_key_id::SigningKeyId},
    store::{ReadError, Stored, sled::CopyError},
};

/// One step. Both halves refuse by the same functions, so that they refuse alike and in the same words.
pub(in crate::app) trait Step {
    /// Results that it needs of the steps before it.
    type Given;
    /// Result that it makes for the steps after it.
    type Made;

    /// Reports every refusal that taking the step would meet, with advice. Leaves nothing
    /// behind: no file, no port, no lock. Faults that only taking it can show are not reported.
    async fn look(&self, seen: &mut Seen, findings: &mut Findings);

    /// Takes it.
    ///
    /// # Errors
    /// See [`Refusal`].
    async fn take(self, given: Self::Given) -> Result<Self::Made, Refusal>;
}

/// Input of a step that needs nothing of the steps before it.
pub(in crate::app) struct Nothing;

/// Observations of a look, for the steps after it.
#[derive(Default)]
pub(in crate::app) struct Seen {
    /// True if a server has the data directory open: its ports and files are then no other
    /// process's.
    pub(in crate::app) serving: bool,
    /// The keys that records of a database name.
    pub(in crate::app) named: Vec<KeyId>,
    /// The signing keys whose tokens can be good, of a database.
    pub(in crate::app) signing: Vec<SigningKeyId>,
    /// The records of the clients that the settings declare.
    pub(in crate::app) clients: StoredClients,
}

/// The stored records of the clients that the settings declare.
#[derive(Default)]
pub(in crate::app) enum StoredClients {
    /// There is no store, or the findings have the reason for which it cannot be read.
    #[default]
    Nothing,
    /// A server has the store open, which is the only one to read it.
    Served,
    /// They were not read, for this reason.
    Unread(CopyError),
    /// In the order of the settings.
    Read(Vec<Result<Option<Stored<Client>>, ReadError>>),
}

/// Returns the ids of the clients that the settings declare, in their order.
pub(super) fn declared_ids(settings: &Settings) -> Vec<ClientId> {
    settings.clients.iter().map(|declaration| declaration.id.clone()).collect()
}

/// Reason for which the process cannot start: only a step makes one.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct StartError(Refusal);

/// Takes a step of a start.
///
/// # Errors
/// When it is refused.
pub(in crate::app) async fn take<S: Step>(step: S, given: S::Given) -> Result<S::Made, StartError> {
    step.take(given).await.map_err(StartError)
}
