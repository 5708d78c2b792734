//! Ends many grants: by one write, the epoch of a user or client, wherever that ends no others.

use super::grants::{Grants, is_of_a_user};
use crate::{
    domain::{
        client_id::ClientId,
        epoch::Epoch,
        error::Error,
        grant_id::GrantId,
        grant_selector::{GrantSelector, SubjectName},
        permission::Task,
        subject::UserId,
    },
    service::{Admin, owner_cache::OwnerCache},
    store::{Store, bulk::do_all, race::race},
};

/// Limit of counting: beyond it the number does not matter.
pub const COUNT_LIMIT: u64 = 100_000;

/// Grants that are looked at, and ended, together: about a batch of the committer's.
const STEP: usize = 256;

/// Number of grants that were, or would be, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedGrants {
    /// Active grants, at most [`COUNT_LIMIT`].
    pub count: u64,
    /// True if counting stopped there: there can be more.
    pub at_least: bool,
}

impl EndedGrants {
    fn new(count: u64) -> Self {
        Self { count: count.min(COUNT_LIMIT), at_least: count >= COUNT_LIMIT }
    }
}

impl<S: Store> Grants<S> {
    /// Counts the active grants that `of` selects: those that [`Self::revoke_grants`] would end.
    ///
    /// # Errors
    /// `AccessDenied` as there; `Unavailable`.
    pub async fn count_grants(
        &self,
        admin: &Admin,
        of: &GrantSelector,
    ) -> Result<EndedGrants, Error> {
        if reaches(admin, of) { self.count(of).await } else { Err(admin.refused()) }
    }

    /// Ends every grant that `of` selects, and returns how many of them were active. Grants of a
    /// user or of a client end together by one write; others, those of a user with one client or a
    /// client's own, end one by one: grants issued meanwhile can survive.
    ///
    /// # Errors
    /// `AccessDenied` for more than a user's to one who administers users alone. `Overloaded`, `Conflict`,
    /// `Unavailable`: then grants may still be alive. Asking again ends the rest.
    pub async fn revoke_grants(
        &self,
        admin: &Admin,
        of: &GrantSelector,
    ) -> Result<EndedGrants, Error> {
        let ended =
            if reaches(admin, of) { self.end_meant(of).await } else { Err(Error::AccessDenied) };
        match of {
            GrantSelector::Subject(SubjectName::User(user)) => {
                admin.noted("revoke all grants of a user", Some(user), ended)
            }
            GrantSelector::Client(client) => {
                admin.noted("revoke all grants of a client", Some(client), ended)
            }
            GrantSelector::Both(SubjectName::User(user), client) => {
                let target = format!("{user} with {client}");
                admin.noted("revoke all grants of a user with a client", Some(&target), ended)
            }
            GrantSelector::Subject(SubjectName::Client(client))
            | GrantSelector::Both(SubjectName::Client(_), client) => {
                admin.noted("revoke all grants that a client asked for itself", Some(client), ended)
            }
        }
    }

    async fn end_meant(&self, of: &GrantSelector) -> Result<EndedGrants, Error> {
        match of {
            GrantSelector::Subject(SubjectName::User(user)) => {
                self.end_counted(of, self.end_all_of_user(*user)).await
            }
            GrantSelector::Client(client) => {
                self.end_counted(of, self.end_all_of_client(client)).await
            }
            GrantSelector::Both(..) | GrantSelector::Subject(SubjectName::Client(_)) => {
                self.end_one_by_one(of).await
            }
        }
    }

    /// Ends with one write what is counted before.
    async fn end_counted(
        &self,
        of: &GrantSelector,
        end: impl Future<Output = Result<bool, Error>>,
    ) -> Result<EndedGrants, Error> {
        let count = self.count(of).await?;
        end.await?;
        Ok(count)
    }

    async fn count(&self, of: &GrantSelector) -> Result<EndedGrants, Error> {
        let mut owners = OwnerCache::default();
        let (mut count, mut after) = (0, None);
        loop {
            let (active, last, more) = self.active_after(of, after, &mut owners).await?;
            count += active.len() as u64;
            if !more || count >= COUNT_LIMIT {
                return Ok(EndedGrants::new(count));
            }
            after = last;
        }
    }

    async fn end_one_by_one(&self, of: &GrantSelector) -> Result<EndedGrants, Error> {
        let mut owners = OwnerCache::default();
        let (mut count, mut after) = (0, None);
        loop {
            let (active, last, more) = self.active_after(of, after, &mut owners).await?;
            count += active.len() as u64;
            let end = |id| async move { self.end_grant(id).await.map(drop) };
            do_all(active, end, || ()).await?;
            if !more {
                return Ok(EndedGrants::new(count));
            }
            after = last;
        }
    }

    /// The active ones among the next grants, the last grant looked at, and whether there are more.
    async fn active_after(
        &self,
        of: &GrantSelector,
        after: Option<GrantId>,
        owners: &mut OwnerCache,
    ) -> Result<(Vec<GrantId>, Option<GrantId>, bool), Error> {
        let (found, more) = self.grants_after(of, after, STEP).await?;
        self.meet(owners, &found).await?;
        let last = found.last().map(|(id, _)| *id);
        let mut active = Vec::new();
        for (id, grant) in found {
            if let Some(grant) = grant
                && self.judge_grant(&grant, owners).await?.is_none()
            {
                active.push(id);
            }
        }
        Ok((active, last, more))
    }

    /// Ends every grant of a user; later logins pass. `false` when there is no such user.
    ///
    /// # Errors
    /// `Overloaded`, `Conflict`, `Unavailable`: then the grants may still be alive.
    pub async fn end_all_of_user(&self, id: UserId) -> Result<bool, Error> {
        race(async || {
            let Some(found) = self.records.user(id).await? else { return Ok(Some(false)) };
            let mut user = (*found).clone();
            user.epoch = Epoch::generate(&*self.records.entropy);
            user.update_time = self.records.now();
            Ok(self.records.put(self.records.store.users(), &found, user).await?.map(|_| true))
        })
        .await
    }

    /// Ends every grant of a client; later requests pass. `false` when there is no such client.
    ///
    /// # Errors
    /// As [`Self::end_all_of_user`].
    pub async fn end_all_of_client(&self, id: &ClientId) -> Result<bool, Error> {
        race(async || {
            let Some(found) = self.records.client(id).await? else { return Ok(Some(false)) };
            let mut client = (*found).clone();
            client.epoch = Epoch::generate(&*self.records.entropy);
            client.update_time = self.records.now();
            Ok(self.records.put(self.records.store.clients(), &found, client).await?.map(|_| true))
        })
        .await
    }
}

/// Returns whether an administrator of users may end these.
fn reaches(admin: &Admin, of: &GrantSelector) -> bool {
    is_of_a_user(of) || admin.may(Task::Administer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_stopped_says_so() {
        assert_eq!(
            EndedGrants::new(COUNT_LIMIT - 1),
            EndedGrants { count: COUNT_LIMIT - 1, at_least: false }
        );
        for stopped in [COUNT_LIMIT, COUNT_LIMIT + 1] {
            assert_eq!(
                EndedGrants::new(stopped),
                EndedGrants { count: COUNT_LIMIT, at_least: true }
            );
        }
    }
}
