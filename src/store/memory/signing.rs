//! The register of signing keys of the reference engine.

use super::MemoryStore;
use crate::{
    domain::{
        signing_register::{
            ALONE, Announcer, FeedStart, NeededKey, SigningChange, SigningStanding,
        },
        time::Timestamp,
    },
    store::{ReadError, SigningKeys, WriteError},
};

impl SigningKeys for MemoryStore {
    async fn register_signing(
        &self,
        change: SigningChange,
        now: Timestamp,
    ) -> Result<SigningStanding, WriteError> {
        let by = Announcer { instance: ALONE, beside_older: false, feed: [0; 16] };
        Ok(self.lock().signing.change(by, &change, now))
    }

    async fn needed_signing_keys(&self) -> Result<Vec<NeededKey>, ReadError> {
        Ok(self.lock().signing.needed().to_vec())
    }

    async fn feed_start(&self) -> Result<Option<FeedStart>, ReadError> {
        Ok(self.lock().signing.feed_start())
    }
}
