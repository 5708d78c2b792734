//! Batches of a watch, as its caller takes them.

use std::sync::Arc;

use super::event::Event;
use crate::{
    domain::{client::IntrospectReach, client_id::ClientId, time::Timestamp},
    service::Cursor,
};

/// One batch of a watch.
#[derive(Clone, Debug)]
pub struct NotificationBatch {
    /// Notifications, in order: at most 512.
    pub notifications: Vec<Notification>,
    /// Everything up to here that the caller may see has been passed on.
    pub cursor: Cursor,
    /// True if that was the end of the feed at some moment since the last checkpoint.
    pub checkpoint: bool,
    /// Time since which the watch has every event, in the first batch of one from the beginning.
    pub complete_since: Option<Timestamp>,
    /// Time of the batch.
    pub time: Timestamp,
    /// The caller as it was for the batch.
    pub caller: WatchCaller,
}

/// One notification.
#[derive(Clone, Debug)]
pub enum Notification {
    /// The event.
    Event(Arc<Event>),
    /// That any answer may be wrong, and when that came to be.
    Everything(Option<Timestamp>),
}

/// The caller of a watch, and the tokens that it may introspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchCaller {
    /// The caller.
    pub client_id: ClientId,
    /// Its tokens.
    pub reach: IntrospectReach,
}
