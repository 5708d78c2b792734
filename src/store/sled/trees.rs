//! The trees beside the records: index and feed.

use std::ops::Bound;

use super::{
    OpenError,
    engine::Engine,
    feed::Feed,
    index::{self, ExpiryEntry},
    table::Table,
    tree::{Tree, read_error},
};
use crate::{
    domain::{
        grant::Grant, grant_id::GrantId, record::Corrupt, time::Timestamp, user::User,
        user_identity::UserIdentity, user_name::UserName,
    },
    store::{GrantOwner, ReadError, Record as _, Stored},
};

/// The trees. Clones share them.
#[derive(Clone)]
pub(super) struct Trees {
    pub(super) index: Tree,
    pub(super) feed: Feed,
}

impl Trees {
    pub(super) fn open(engine: &Engine) -> Result<Self, OpenError> {
        Ok(Self { index: engine.tree("index")?, feed: Feed::open(engine.tree("changes")?)? })
    }

    /// Reads every entry: checks that each page is readable and that the feed has no gap.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        for entry in self.index.entries()? {
            entry?;
        }
        self.feed.check()
    }

    /// Returns the user named `name`. Can wait for the disk.
    pub(super) fn user_by_name(
        &self,
        name: &UserName,
        users: &Table<User>,
    ) -> Result<Option<Stored<User>>, ReadError> {
        let key = index::by_name(name);
        if let Some(id) = self.index.get(&key).map_err(read_error)?
            && let Some(user) = users.read(&User::parse_key(&id)?)?
            && user.name == *name
        {
            return Ok(Some(user));
        }
        // Order matters: read the index first, then check the open batch. The open batch may have
        // removed the entry of a name that its user has until the batch is published.
        Ok(users.find_before_open_batch(|user| user.name == *name))
    }

    /// Returns the users that list `identity`, at most two. Can wait for the disk.
    pub(super) fn users_by_identity(
        &self,
        identity: &UserIdentity,
        users: &Table<User>,
    ) -> Result<Vec<Stored<User>>, ReadError> {
        let lists = |user: &User| user.identities.contains(identity);
        let prefix = index::linked_by(identity);
        let mut found: Vec<Stored<User>> = Vec::new();
        let range = (Bound::Included(prefix.clone()), Bound::Unbounded);
        for key in self.index.range(range).map_err(read_error)?.keys() {
            let key = key.map_err(read_error)?;
            let Some(id) = key.strip_prefix(prefix.as_slice()) else { break };
            let user = users.read(&User::parse_key(id)?)?;
            found.extend(user.filter(|user| lists(user)));
            if found.len() == 2 {
                return Ok(found);
            }
        }
        // As for names: the open batch may have removed an entry that counts until it is published.
        if let Some(user) = users.find_before_open_batch(lists)
            && !found.iter().any(|known| known.id == user.id)
        {
            found.push(user);
        }
        Ok(found)
    }

    /// Returns up to `limit` grants of `owner` after `after`, in order. Can wait for the disk.
    pub(super) fn grant_ids(
        &self,
        owner: &GrantOwner,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let prefix = index::owned_by(owner);
        let after = after.map(|id| [prefix.as_slice(), id.as_bytes()].concat());
        let start = after.map_or(Bound::Included(prefix.clone()), Bound::Excluded);
        let keys = self.index.range((start, Bound::Unbounded)).map_err(read_error)?;
        let keys = keys.keys().take(limit);
        let mut ids = Vec::new();
        for key in keys {
            let key = key.map_err(read_error)?;
            let Some(id) = key.strip_prefix(prefix.as_slice()) else { break };
            ids.push(Grant::parse_key(id)?);
        }
        Ok(ids)
    }

    /// Returns up to `limit` grants of `owner` before `before`, in reverse order. Can wait for the
    /// disk.
    pub(super) fn newest_grant_ids(
        &self,
        owner: &GrantOwner,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantId>, ReadError> {
        let prefix = index::owned_by(owner);
        let last = [prefix.as_slice(), &[0xff; 16]].concat();
        let before = before.map(|id| [prefix.as_slice(), id.as_bytes()].concat());
        let end = before.map_or(Bound::Included(last), Bound::Excluded);
        let range = (Bound::Included(prefix.clone()), end);
        let newest = self.index.range(range).map_err(read_error)?.rev();
        let mut ids = Vec::new();
        for entry in newest.take(limit) {
            let (key, _) = entry.map_err(read_error)?;
            let id = key.strip_prefix(prefix.as_slice()).ok_or(ReadError::Corrupt)?;
            ids.push(Grant::parse_key(id)?);
        }
        Ok(ids)
    }

    /// Returns up to `limit` expiry entries that are due at `now`, oldest first. Can wait for the
    /// disk.
    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<ExpiryEntry>, ReadError> {
        let entries = self.index.range(ExpiryEntry::due(now)).map_err(read_error)?;
        let entries = entries.keys().take(limit);
        entries
            .map(|key| {
                let key = key.map_err(read_error)?;
                ExpiryEntry::parse(&key).map_err(|Corrupt| ReadError::Corrupt)
            })
            .collect()
    }

    /// Returns the number of expiry entries due at `now`, counted up to `limit`. Can wait for the
    /// disk.
    pub(super) fn count_due(&self, now: Timestamp, limit: usize) -> Result<usize, ReadError> {
        let entries = self.index.range(ExpiryEntry::due(now)).map_err(read_error)?;
        let mut keys = entries.keys().take(limit);
        keys.try_fold(0, |count, key| key.map(|_| count + 1).map_err(read_error))
    }

    /// Counts the grants made before `opened` among the `limit` entries behind `after`. Returns the
    /// entry to go on from, if there can be more. Can wait for the disk.
    pub(super) fn count_grants(
        &self,
        after: Option<Vec<u8>>,
        opened: Timestamp,
        limit: usize,
    ) -> Result<(i64, Option<Vec<u8>>), ReadError> {
        let start = Bound::Excluded(after.unwrap_or_else(index::before_by_client));
        let (mut count, mut last, mut left) = (0, None, limit);
        let entries = self.index.range((start, Bound::Unbounded)).map_err(read_error)?;
        for key in entries.keys().take(limit) {
            let key = key.map_err(read_error)?;
            let Some(grant) = index::grant_of_client(&key)? else { break };
            count += i64::from(grant.made().is_none_or(|made| made < opened));
            left -= 1;
            last = Some(key.to_vec());
        }
        Ok((count, last.filter(|_| left == 0)))
    }
}

/// Returns the user that a name's entry points to, if the user still has that name.
pub(super) fn user_behind(entry: &[u8], id: &[u8], users: &Table<User>) -> Option<Stored<User>> {
    let user = users.read(&User::parse_key(id).ok()?).ok()??;
    (index::by_name(&user.name) == entry).then_some(user)
}
