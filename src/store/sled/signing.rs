//! The register of signing keys in the store's own data.

use super::{SledStore, command::Command};
use crate::{
    domain::{
        signing_register::{FeedStart, NeededKey, SigningChange, SigningStanding},
        time::Timestamp,
    },
    store::{ReadError, SigningKeys, WriteError},
};

impl SigningKeys for SledStore {
    async fn register_signing(
        &self,
        change: SigningChange,
        now: Timestamp,
    ) -> Result<SigningStanding, WriteError> {
        self.committer.ask(|reply| Command::Signing(change, now, reply)).await
    }

    async fn needed_signing_keys(&self) -> Result<Vec<NeededKey>, ReadError> {
        Ok(self.meta.signing().needed().to_vec())
    }

    async fn feed_start(&self) -> Result<Option<FeedStart>, ReadError> {
        Ok(self.meta.signing().feed_start())
    }
}
