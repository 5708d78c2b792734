//! The register of signing keys of a store that fails: faults are planned for records, so its changes have none.

use super::FaultyStore;
use crate::{
    domain::{
        signing_register::{FeedStart, NeededKey, SigningChange, SigningStanding},
        time::Timestamp,
    },
    store::{ReadError, SigningKeys, Store, WriteError},
};

impl<S: Store> SigningKeys for FaultyStore<S> {
    async fn register_signing(
        &self,
        change: SigningChange,
        now: Timestamp,
    ) -> Result<SigningStanding, WriteError> {
        self.store.register_signing(change, now).await
    }

    async fn needed_signing_keys(&self) -> Result<Vec<NeededKey>, ReadError> {
        self.read().await?;
        self.store.needed_signing_keys().await
    }

    async fn feed_start(&self) -> Result<Option<FeedStart>, ReadError> {
        self.read().await?;
        self.store.feed_start().await
    }
}
