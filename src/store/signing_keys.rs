//! The register of the keys that sign access tokens, as an engine keeps it.

use std::future::Future;

use super::{ReadError, WriteError};
use crate::domain::{
    signing_register::{FeedStart, NeededKey, SigningChange, SigningStanding},
    time::Timestamp,
};

/// The register of a store: see [`crate::domain::signing_register`].
pub trait SigningKeys: Send + Sync + 'static {
    /// Changes the register at `now`, and returns the result once it is durable. Processes that share the
    /// store take its clock instead.
    fn register_signing(
        &self,
        change: SigningChange,
        now: Timestamp,
    ) -> impl Future<Output = Result<SigningStanding, WriteError>> + Send;

    /// Returns the keys that signed something that can be good. Every key that signed before this call is
    /// among them.
    fn needed_signing_keys(&self)
    -> impl Future<Output = Result<Vec<NeededKey>, ReadError>> + Send;

    /// Returns the feed, and since when it has every event: every [`SigningChange::Trim`] before this call counts.
    /// `None` before the first change.
    fn feed_start(&self) -> impl Future<Output = Result<Option<FeedStart>, ReadError>> + Send;
}
