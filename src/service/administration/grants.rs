//! Shows and ends grants by their handle, without anyone having a token of theirs.

use super::page::PageBuilder;
use crate::{
    domain::{
        error::Error,
        grant::{EndCause, Grant},
        grant_id::GrantId,
        grant_selector::{GrantSelector, SubjectName},
        liveness::{self, InactiveReason},
        page_token::ListId,
        permission::Task,
    },
    service::{
        Admin, Page, PageRequest,
        owner_cache::{MAX_READ_TOGETHER, OwnerCache},
        records::{Basis, Records},
    },
    store::{GrantOwner, ReadError, Record as _, Records as _, Store, Stored},
};

/// A grant as it is now.
#[derive(Clone, Debug)]
pub struct ShownGrant {
    /// Its record.
    pub grant: Stored<Grant>,
    /// Reason for which no token of it is active or can become so; `None` if one is or can.
    pub inactive: Option<InactiveReason>,
}

/// Administration of grants.
pub struct Grants<S> {
    pub(super) records: Records<S>,
}

impl<S> Grants<S> {
    pub(in crate::service) fn new(records: Records<S>) -> Self {
        Self { records }
    }
}

impl<S: Store> Grants<S> {
    /// A grant.
    ///
    /// # Errors
    /// `NotFound`; `AccessDenied` for a client's own to one who sees users alone; `Unavailable`.
    pub async fn get_grant(&self, admin: &Admin, id: GrantId) -> Result<ShownGrant, Error> {
        let grant = self.records.grant(id).await?.ok_or(Error::NotFound("grant"))?;
        if !speaks_for_a_user(&grant) && !admin.may(Task::ReadClients) {
            return Err(admin.refused());
        }
        let inactive = self.judge_grant(&grant, &mut OwnerCache::default()).await?;
        Ok(ShownGrant { grant, inactive })
    }

    /// A page of the grants that `of` means, mostly the oldest first.
    ///
    /// # Errors
    /// `InvalidRequest` for a token of another list; `AccessDenied` for more than a user's grants to one who
    /// sees users alone; `Unavailable`.
    pub async fn list_grants(
        &self,
        admin: &Admin,
        of: &GrantSelector,
        active_only: bool,
        request: &PageRequest,
    ) -> Result<Page<ShownGrant>, Error> {
        if !is_of_a_user(of) && !admin.may(Task::ReadClients) {
            return Err(admin.refused());
        }
        let mut page = PageBuilder::new(list_id(of, active_only), request)?;
        let mut owners = OwnerCache::default();
        loop {
            let (after, step) = (page.after::<Grant>()?, page.step());
            let (ids, more) = self.grants_after(of, after, step).await?;
            self.meet(&mut owners, &ids).await?;
            let mut ids = ids.into_iter().peekable();
            while let Some((id, grant)) = ids.next() {
                let mut entry = None;
                let mut bytes = 0;
                if let Some(grant) = grant {
                    bytes = grant.memory_bytes();
                    let inactive = self.judge_grant(&grant, &mut owners).await?;
                    entry = Some(ShownGrant { grant, inactive });
                    entry = entry.filter(|shown| shown.inactive.is_none() || !active_only);
                }
                if page.pass::<Grant>(&id, bytes, entry) {
                    return Ok(page.finish(more || ids.peek().is_some()));
                }
            }
            if !more {
                return Ok(page.finish(false));
            }
        }
    }

    /// Ends a grant. One that has ended before is left as it is.
    ///
    /// # Errors
    /// `NotFound`; `AccessDenied` for a client's own to one who administers users alone; `Overloaded`,
    /// `Conflict`, `Unavailable`: then it may still be alive.
    pub async fn revoke_grant(&self, admin: &Admin, id: GrantId) -> Result<(), Error> {
        let ended = self.end_for(admin, id).await;
        admin.noted("revoke grant", Some(&id), ended)
    }

    async fn end_for(&self, admin: &Admin, id: GrantId) -> Result<(), Error> {
        let grant = self.records.grant(id).await?.ok_or(Error::NotFound("grant"))?;
        if !speaks_for_a_user(&grant) && !admin.may(Task::Administer) {
            return Err(Error::AccessDenied);
        }
        let found = self.end_grant(id).await?;
        found.then_some(()).ok_or(Error::NotFound("grant"))
    }

    /// Ends a grant, if it is there.
    pub(in crate::service) async fn end_grant(&self, id: GrantId) -> Result<bool, Error> {
        self.records
            .race_presuming(async |basis| {
                match self.records.grant_to_change(id, basis, |_| true).await? {
                    Some(grant) if grant.end.is_none() => {
                        let ended = grant.ended(EndCause::Revoked, self.records.now());
                        let written = self.records.replace(grant.version(), ended).await?;
                        Ok(written.then_some(true))
                    }
                    _ if basis == Basis::Presumed => Ok(None),
                    found => Ok(Some(found.is_some())),
                }
            })
            .await
    }

    /// The next `limit` grants of the index that `of` is looked up in, each with its record where
    /// that is one meant, and whether there are more of them.
    pub(in crate::service) async fn grants_after(
        &self,
        of: &GrantSelector,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<(Vec<(GrantId, Option<Stored<Grant>>)>, bool), Error> {
        let ids = self.records.read(self.records.store.grant_ids(&owner(of), after, limit)).await?;
        let more = ids.len() == limit;
        let mut found = Vec::with_capacity(ids.len());
        for together in ids.chunks(MAX_READ_TOGETHER) {
            let read = self.records.store.grants().get_many(together).await;
            for (id, grant) in together.iter().zip(read) {
                let grant = self.readable(*id, grant)?.filter(|grant| of.matches(grant));
                found.push((*id, grant));
            }
        }
        Ok((found, more))
    }

    /// Reads the clients and users of grants that are judged next.
    pub(in crate::service) async fn meet(
        &self,
        owners: &mut OwnerCache,
        grants: &[(GrantId, Option<Stored<Grant>>)],
    ) -> Result<(), Error> {
        let grants = grants.iter().filter_map(|(_, grant)| grant.as_deref());
        owners
            .meet(&*self.records.store, grants)
            .await
            .map_err(|error| self.records.read_failed(error))
    }

    /// A damaged record is nobody's grant: one must not keep the others from being seen and ended.
    fn readable(
        &self,
        id: GrantId,
        read: Result<Option<Stored<Grant>>, ReadError>,
    ) -> Result<Option<Stored<Grant>>, Error> {
        match read {
            Ok(grant) => Ok(grant),
            Err(ReadError::Corrupt) => {
                tracing::error!(grant_id = %id, "the record is damaged");
                Ok(None)
            }
            Err(error @ ReadError::Unavailable) => Err(self.records.read_failed(error)),
        }
    }

    /// Returns the reason for which no token of a grant is active or can become so; `None` if one
    /// is or can.
    pub(in crate::service) async fn judge_grant(
        &self,
        grant: &Grant,
        owners: &mut OwnerCache,
    ) -> Result<Option<InactiveReason>, Error> {
        let now = self.records.now();
        let parties = owners.parties(&*self.records.store, grant, now).await;
        let parties = parties.map_err(|error| self.records.read_failed(error))?;
        Ok(liveness::check_use(grant, parties, now).err())
    }
}

/// Returns whether a grant is a user's, and not a client's own.
pub(in crate::service) fn speaks_for_a_user(grant: &Grant) -> bool {
    grant.subject.user_id().is_some()
}

/// Returns whether all selected grants are a user's.
pub(in crate::service) const fn is_of_a_user(of: &GrantSelector) -> bool {
    matches!(
        of,
        GrantSelector::Subject(SubjectName::User(_)) | GrantSelector::Both(SubjectName::User(_), _)
    )
}

/// Returns the owner whose index holds all selected grants. A user has fewer grants than a client.
fn owner(of: &GrantSelector) -> GrantOwner {
    match of {
        GrantSelector::Subject(SubjectName::User(user))
        | GrantSelector::Both(SubjectName::User(user), _) => GrantOwner::User(*user),
        GrantSelector::Subject(SubjectName::Client(client))
        | GrantSelector::Client(client)
        | GrantSelector::Both(SubjectName::Client(client), _) => GrantOwner::Client(client.clone()),
    }
}

fn list_id(of: &GrantSelector, active_only: bool) -> ListId {
    let subject = |subject: &SubjectName| match subject {
        SubjectName::User(user) => user.to_string(),
        SubjectName::Client(client) => client.to_string(),
    };
    let (subject, client) = match of {
        GrantSelector::Subject(of) => (subject(of), ""),
        GrantSelector::Client(client) => (String::new(), client.as_str()),
        GrantSelector::Both(of, client) => (subject(of), client.as_str()),
    };
    ListId::new("grants", &[&subject, client, if active_only { "1" } else { "" }])
}
