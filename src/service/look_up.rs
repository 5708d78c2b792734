//! Looks up the records that a token is judged by, in memory or in the store.

use std::sync::Arc;

use futures_util::future::{try_join, try_join_all, try_join3};

use super::{
    keys::Keys,
    records::{Basis, Records},
    token_records::{StoredAncestor, TokenRecords, ancestors},
};
use crate::{
    domain::{
        cause::Cause, delegation::Ancestor, error::Error, grant::Grant,
        presented_token::PresentedToken,
    },
    store::{Records as _, Store, Stored},
};

/// Reader of the records that tokens are judged by.
pub(super) struct TokenLookup<S> {
    records: Records<S>,
    keys: Arc<Keys<S>>,
}

impl<S> TokenLookup<S> {
    pub(super) const fn new(records: Records<S>, keys: Arc<Keys<S>>) -> Self {
        Self { records, keys }
    }
}

impl<S: Store> TokenLookup<S> {
    /// The records that `token` is judged by, if all of them lie in memory. They are good for "yes"
    /// and for nothing else: later writes of another instance can be missing, so tokens that are
    /// not active by them are judged by the store. Records in `known` were read for the same call
    /// and are not looked up again.
    pub(super) fn cached_records(
        &self,
        token: &PresentedToken,
        known: Option<&TokenRecords>,
    ) -> Option<TokenRecords> {
        let grant = self.records.store.grants().cached(&token.grant_id())?;
        let client = known.and_then(|known| known.client.as_ref());
        let client = match client.filter(|client| client.id == grant.client_id) {
            Some(client) => client.clone(),
            None => self.records.store.clients().cached(&grant.client_id)?,
        };
        let user = match grant.subject.user_id() {
            None => None,
            Some(id) => Some(self.records.store.users().cached(&id)?),
        };
        let ancestors = ancestors(&grant).iter().map(|ancestor| self.cached_ancestor(ancestor));
        let ancestors = ancestors.collect::<Option<_>>()?;
        Some(TokenRecords { grant, client: Some(client), user, ancestors })
    }

    fn cached_ancestor(&self, ancestor: &Ancestor) -> Option<StoredAncestor> {
        let grant = Some(self.records.store.grants().cached(&ancestor.grant_id)?);
        let client = Some(self.records.store.clients().cached(&ancestor.client_id)?);
        Some(StoredAncestor { grant, client })
    }

    /// The records that `token` is judged by, as the store has them; `None` when it is not one of
    /// ours or its grant is gone.
    pub(super) async fn token_records(
        &self,
        token: &PresentedToken,
    ) -> Result<Option<TokenRecords>, Error> {
        self.records_to_change(token, Basis::Proven).await
    }

    /// As [`Self::token_records`], for a change of the grant that is decided on this basis.
    pub(super) async fn records_to_change(
        &self,
        token: &PresentedToken,
        basis: Basis,
    ) -> Result<Option<TokenRecords>, Error> {
        match self.grant_to_change(token, basis).await? {
            Some(grant) => self.records_on(grant, basis).await.map(Some),
            None => Ok(None),
        }
    }

    /// The records of the parties of `grant`, and of the grants that it came of, beside its own. They are
    /// read together: a store across a network proves them by one barrier.
    pub(super) async fn records_with(&self, grant: Stored<Grant>) -> Result<TokenRecords, Error> {
        self.records_on(grant, Basis::Proven).await
    }

    async fn records_on(&self, grant: Stored<Grant>, basis: Basis) -> Result<TokenRecords, Error> {
        let user = async {
            match grant.subject.user_id() {
                None => Ok(None),
                Some(id) => self.records.party(self.records.store.users(), &id, basis).await,
            }
        };
        let ancestors = ancestors(&grant).iter().map(|ancestor| self.ancestor(ancestor, basis));
        let client = self.records.party(self.records.store.clients(), &grant.client_id, basis);
        let (client, user, ancestors) = try_join3(client, user, try_join_all(ancestors)).await?;
        Ok(TokenRecords { grant, client, user, ancestors })
    }

    async fn ancestor(&self, ancestor: &Ancestor, basis: Basis) -> Result<StoredAncestor, Error> {
        let store = &self.records.store;
        let grant = self.records.party(store.grants(), &ancestor.grant_id, basis);
        let client = self.records.party(store.clients(), &ancestor.client_id, basis);
        let (grant, client) = try_join(grant, client).await?;
        Ok(StoredAncestor { grant, client })
    }

    /// The grant that `token` names, for a change of it that is decided on this basis. Only a token that one
    /// of our keys made costs a store read. A remembered state that the token is newer than is outdated.
    pub(super) async fn grant_to_change(
        &self,
        token: &PresentedToken,
        basis: Basis,
    ) -> Result<Option<Stored<Grant>>, Error> {
        if !self.may_name_grant(token).await? {
            return Ok(None);
        }
        let useful = |grant: &Grant| grant.current.number >= token.generation();
        self.records.grant_to_change(token.grant_id(), basis, useful).await
    }

    /// Returns the cause for which no grant was found for `token`: no key of ours made it, or its
    /// grant is gone.
    pub(super) async fn why_unknown(&self, token: &PresentedToken) -> Result<Cause, Error> {
        let genuine = self.may_name_grant(token).await?;
        Ok(if genuine { Cause::UnknownGrant } else { Cause::Forged })
    }

    /// Returns whether a read can find the grant that `token` names: it is cached, or one of our
    /// keys made the token.
    pub(super) async fn may_name_grant(&self, token: &PresentedToken) -> Result<bool, Error> {
        if self.records.store.grants().cached(&token.grant_id()).is_some() {
            return Ok(true);
        }
        let keys = self.keys.load();
        Ok(token.is_genuine(self.keys.key_of(&keys, token).await?))
    }
}
