//! Rules for every connection of a listener.

use std::sync::Arc;

use super::{Pending, Protocol, Tls, age::Ages, refusals::Refusals};
use crate::config::LimitSettings;

/// The rules of one listener's connections.
pub(super) struct Policy {
    /// Protocol of the connections.
    pub(super) protocol: Protocol,
    /// The certificate; without one there is no TLS.
    pub(super) tls: Option<Tls>,
    /// Limits of each connection.
    pub(super) limits: LimitSettings,
    /// Memory kept for their peers.
    pub(super) pending: Arc<Pending>,
    /// Ages at which they end.
    pub(super) ages: Ages,
    /// Bounds how often a refusal is logged.
    pub(super) refused: Refusals,
}
