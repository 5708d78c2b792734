//! Ends everything of a user or of a client by one write: the epoch moves, without clock or enumeration.

use super::{Service, race};
use crate::{
    domain::{client_id::ClientId, epoch::Epoch, error::Error, subject::UserId},
    store::{Records as _, Store, Write, WriteError},
};

impl<S: Store> Service<S> {
    /// Ends every grant of a user; later logins pass. `false` when there is no such user.
    ///
    /// # Errors
    /// `Overloaded`, `Conflict`, `Unavailable`: then the grants may still be alive.
    pub async fn end_all_of_user(&self, id: UserId) -> Result<bool, Error> {
        race(async || {
            let found = self.store.users().get(&id).await;
            let Some(found) = found.map_err(|error| self.read_failed(error))? else {
                return Ok(Some(false));
            };
            let mut user = (*found).clone();
            user.epoch = Epoch::generate(&*self.entropy);
            user.update_time = self.now();
            let written = self.store.users().write(Write::Replace(found.version(), user)).await;
            self.won(written.map(drop)).map(|won| won.then_some(true))
        })
        .await
    }

    /// Ends every grant of a client; later requests pass. `false` when there is no such client.
    ///
    /// # Errors
    /// As [`Self::end_all_of_user`].
    pub async fn end_all_of_client(&self, id: &ClientId) -> Result<bool, Error> {
        race(async || {
            let Some(found) = self.client(id).await? else { return Ok(Some(false)) };
            let mut client = (*found).clone();
            client.epoch = Epoch::generate(&*self.entropy);
            client.update_time = self.now();
            let write = Write::Replace(found.version(), client);
            let written = self.store.clients().write(write).await;
            self.won(written.map(drop)).map(|won| won.then_some(true))
        })
        .await
    }

    /// Whether a write came first; whatever else kept it from happening is an error.
    pub(super) fn won(&self, written: Result<(), WriteError>) -> Result<bool, Error> {
        match written {
            Ok(()) => Ok(true),
            Err(WriteError::Conflict) => Ok(false),
            Err(error) => Err(self.write_failed(error)),
        }
    }
}
