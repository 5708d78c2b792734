//! A step of a start: what a server takes, and what a check tells of it without taking it.

use thiserror::Error;

use super::{finding::Findings, refusal::Refusal};
use crate::domain::key_ring::KeyId;

/// One step. Both halves refuse by the same functions, so that they refuse alike and in the same words.
pub(in crate::app) trait Step {
    /// What it needs of the steps before it.
    type Given;
    /// What it makes for those after it.
    type Made;

    /// Tells everything that taking the step would be refused for, with what to do about it. Leaves nothing
    /// behind: no file, no port, no lock. What only taking it can show is not told.
    async fn look(&self, seen: &mut Seen, findings: &mut Findings);

    /// Takes it.
    ///
    /// # Errors
    /// See [`Refusal`].
    async fn take(self, given: Self::Given) -> Result<Self::Made, Refusal>;
}

/// What a step is given that needs nothing of those before it.
pub(in crate::app) struct Nothing;

/// What a look has seen, for the steps after it.
#[derive(Default)]
pub(in crate::app) struct Seen {
    /// Whether a server has the data directory open: what belongs to it is no other process's.
    pub(in crate::app) serving: bool,
    /// The keys that records of a database name.
    pub(in crate::app) named: Vec<KeyId>,
}

/// Why the process cannot start: nothing but a step makes one.
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
