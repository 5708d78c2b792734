//! Writes down when grants were last used.

use futures_util::future::join_all;

use super::{last_used::Use, sweep::Upkeep};
use crate::{
    domain::{error::Error, last_use},
    store::{Records as _, Store, Write, WriteError},
};

impl<S: Store> Upkeep<S> {
    /// Waits until grants were used, and takes up to [`LAST_USED_STEP`](crate::service::LAST_USED_STEP) of the uses that were
    /// noted. Dropping the future loses none.
    pub async fn noted_uses(&self) -> Vec<Use> {
        self.last_used.noted().await
    }

    /// Writes down uses that [`Self::noted_uses`] gave. One that another write of the same grant
    /// beats, or that there is no space for, is forgotten until the grant is used again.
    ///
    /// # Errors
    /// `Overloaded` or `Unavailable`: then some are forgotten.
    pub async fn write_uses(&self, uses: Vec<Use>) -> Result<(), Error> {
        let written = join_all(uses.into_iter().map(|used| self.write_use(used))).await;
        written.into_iter().collect()
    }

    /// Writes down everything that was noted before. For when nothing is used any more.
    ///
    /// # Errors
    /// As [`Self::write_uses`].
    pub async fn flush_uses(&self) -> Result<(), Error> {
        while !self.last_used.is_empty().await {
            self.write_uses(self.noted_uses().await).await?;
        }
        Ok(())
    }

    async fn write_use(&self, used: Use) -> Result<(), Error> {
        let Some(grant) = self.records.grant(used.grant_id).await? else { return Ok(()) };
        let Some(noted) = last_use::note(&grant, used.time) else { return Ok(()) };
        match self.records.store.grants().write(Write::Replace(grant.version(), noted)).await {
            Ok(_) => self.metrics.last_used.inc(),
            // Space is for grants.
            Err(WriteError::Conflict | WriteError::NoSpace) => {}
            Err(error) => return Err(self.records.write_failed(error)),
        }
        Ok(())
    }
}
