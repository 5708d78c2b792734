//! Finds the client that lists what a caller has shown.

use std::collections::BTreeSet;

use super::listed::{Listed, ListedIndex};
use crate::{
    domain::{client::Client, client_id::ClientId, error::Error},
    service::records::Records,
    store::{Store, Stored},
};

/// Credentials that a caller has shown and that clients list.
pub(in crate::service) struct Listing {
    /// Any of these counts.
    pub(in crate::service) shown: Vec<Listed>,
    /// Its kind, for the log.
    pub(in crate::service) what: &'static str,
}

/// Clients by what they list.
pub(in crate::service) struct Listings<S> {
    pub(super) records: Records<S>,
    pub(super) index: ListedIndex,
}

impl<S> Listings<S> {
    pub(in crate::service) fn new(records: Records<S>) -> Self {
        Self { records, index: ListedIndex::default() }
    }
}

impl<S: Store> Listings<S> {
    /// The clients that list what was shown, disabled ones among them.
    pub(in crate::service) async fn listing(
        &self,
        listing: &Listing,
    ) -> Result<BTreeSet<ClientId>, Error> {
        let ids = self.index.listing(&*self.records.store, &listing.shown).await;
        ids.map_err(|error| self.records.read_failed(error))
    }

    /// The client that `lists` what was shown, where the request names none; `None` when there is none, or
    /// more than one, which nobody can mean.
    pub(in crate::service) async fn only_listing(
        &self,
        listing: &Listing,
        lists: impl Fn(&Client) -> bool,
    ) -> Result<Option<Stored<Client>>, Error> {
        let mut found: Option<Stored<Client>> = None;
        for id in self.listing(listing).await? {
            let Some(client) = self.records.client_that(&id, &lists).await? else { continue };
            if let Some(first) = &found {
                let (first, second, what) = (&first.id, &client.id, listing.what);
                tracing::warn!(
                    %first,
                    %second,
                    "two clients list the {what}: without a client_id it is refused"
                );
                return Ok(None);
            }
            found = Some(client);
        }
        Ok(found)
    }
}
