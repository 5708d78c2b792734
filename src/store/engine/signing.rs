//! The register of signing keys of the chosen engine.

use super::{Engine, OpenStore};
use crate::{
    domain::{
        signing_register::{FeedStart, NeededKey, SigningChange, SigningStanding},
        time::Timestamp,
    },
    store::{ReadError, SigningKeys, WriteError},
};

impl SigningKeys for Engine {
    async fn register_signing(
        &self,
        change: SigningChange,
        now: Timestamp,
    ) -> Result<SigningStanding, WriteError> {
        either!(&self.store, store => store.register_signing(change, now).await)
    }

    async fn needed_signing_keys(&self) -> Result<Vec<NeededKey>, ReadError> {
        either!(&self.store, store => store.needed_signing_keys().await)
    }

    async fn feed_start(&self) -> Result<Option<FeedStart>, ReadError> {
        either!(&self.store, store => store.feed_start().await)
    }
}
