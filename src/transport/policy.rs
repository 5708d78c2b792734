//! What every connection of a listener keeps to.

use std::sync::Arc;

use super::{Pending, Protocol, Tls, age::Ages, refusals::Refusals};
use crate::config::LimitSettings;

/// The rules of one listener's connections.
pub(super) struct Policy {
    /// What they speak.
    pub(super) protocol: Protocol,
    /// The certificate; without one there is no TLS.
    pub(super) tls: Option<Tls>,
    /// What each may take.
    pub(super) limits: LimitSettings,
    /// What is kept for their peers.
    pub(super) pending: Arc<Pending>,
    /// How old each may get.
    pub(super) ages: Ages,
    /// Bounds how often a refusal is logged.
    pub(super) refused: Refusals,
}
