//! Index entries: lookups of a record by other values than its key. An entry is written before its
//! record, so none is ever missing, and verified against the record at each use, so an extra entry
//! does no harm.

use std::collections::BTreeSet;

use crate::{
    domain::{
        attempts::Attempts, client::Client, client_id::ClientId, grant::Grant, grant_id::GrantId,
        record::Corrupt, subject::UserId, time::Timestamp, used_assertion::UsedAssertion,
        user::User, user_identity::UserIdentity, user_name::UserName,
    },
    store::{GrantOwner, Record},
};

/// An entry's key and value in the index tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// Changes of the index for one change of a record.
#[derive(Debug, Default)]
pub struct Reindex {
    /// Entries to write before the record.
    pub put: Vec<Entry>,
    /// Keys of entries to remove after the record was written.
    pub remove: Vec<Vec<u8>>,
    /// Entry that must not belong to another record: its key and the value for this record.
    pub unique: Option<Entry>,
}

/// A type of record in the sled engine.
pub trait Indexed: Record {
    /// Returns the changes of the index when `new` replaces `old`.
    fn reindex(old: Option<&Self>, new: Option<&Self>) -> Reindex;
}

/// First byte of an entry's key: the index that it belongs to.
const BY_EXPIRY: u8 = b'e';
const BY_SUBJECT: u8 = b's';
const BY_CLIENT: u8 = b'c';
const BY_NAME: u8 = b'n';
const BY_IDENTITY: u8 = b'i';

impl Indexed for Grant {
    /// A refresh changes nothing here: the sweeper moves a grant's expiry entry when it finds the
    /// entry. The deletion of a grant leaves that entry to the sweeper too.
    fn reindex(old: Option<&Self>, new: Option<&Self>) -> Reindex {
        let found_by = |grant: &Self| {
            let by_client = by_client(&grant.client_id, grant.id);
            let by_subject = grant.subject.user_id().map(|user| by_subject(user, grant.id));
            std::iter::once(by_client).chain(by_subject)
        };
        match (old, new) {
            (None, Some(new)) => {
                let expiry = ExpiryEntry { time: new.spent_time(), grant_id: new.id };
                let put = found_by(new).chain([expiry.to_key()]);
                let put = put.map(|key| Entry { key, value: Vec::new() }).collect();
                Reindex { put, ..Reindex::default() }
            }
            (Some(old), None) => Reindex { remove: found_by(old).collect(), ..Reindex::default() },
            (Some(_), Some(_)) | (None, None) => Reindex::default(),
        }
    }
}

impl Indexed for Client {
    fn reindex(_old: Option<&Self>, _new: Option<&Self>) -> Reindex {
        Reindex::default()
    }
}

impl Indexed for User {
    fn reindex(old: Option<&Self>, new: Option<&Self>) -> Reindex {
        let entry =
            |user: &Self| Entry { key: by_name(&user.name), value: user.id.as_bytes().to_vec() };
        let links = |user: Option<&Self>| -> BTreeSet<Vec<u8>> {
            let link = |user: &Self, identity| [linked_by(identity), user.id.as_bytes().to_vec()];
            let links = user.iter().flat_map(|user| {
                user.identities.iter().map(|identity| link(user, identity).concat())
            });
            links.collect()
        };
        let stays = old.zip(new).is_some_and(|(old, new)| old.name == new.name);
        let mut reindex = if stays {
            Reindex::default()
        } else {
            Reindex {
                put: new.map(entry).into_iter().collect(),
                remove: old.map(|user| by_name(&user.name)).into_iter().collect(),
                unique: new.map(entry),
            }
        };
        let (before, after) = (links(old), links(new));
        let added = after.difference(&before).cloned();
        reindex.put.extend(added.map(|key| Entry { key, value: Vec::new() }));
        reindex.remove.extend(before.difference(&after).cloned());
        reindex
    }
}

impl Indexed for Attempts {
    fn reindex(_old: Option<&Self>, _new: Option<&Self>) -> Reindex {
        Reindex::default()
    }
}

impl Indexed for UsedAssertion {
    fn reindex(_old: Option<&Self>, _new: Option<&Self>) -> Reindex {
        Reindex::default()
    }
}

/// Returns the key that maps a user name to the user's id.
pub(super) fn by_name(name: &UserName) -> Vec<u8> {
    [&[BY_NAME], name.as_str().as_bytes()].concat()
}

/// Returns the prefix of the keys of the users that list an identity. The user's id follows it.
pub(super) fn linked_by(identity: &UserIdentity) -> Vec<u8> {
    [&[BY_IDENTITY], identity.digest().as_slice()].concat()
}

fn by_subject(user: UserId, grant: GrantId) -> Vec<u8> {
    [owned_by(&GrantOwner::User(user)).as_slice(), grant.as_bytes()].concat()
}

fn by_client(client: &ClientId, grant: GrantId) -> Vec<u8> {
    [owned_by(&GrantOwner::Client(client.clone())).as_slice(), grant.as_bytes()].concat()
}

/// Returns the prefix of the keys of an owner's grants. The grant's id follows it.
pub(super) fn owned_by(owner: &GrantOwner) -> Vec<u8> {
    match owner {
        GrantOwner::User(user) => [&[BY_SUBJECT], user.as_bytes().as_slice()].concat(),
        // Client ids are printable ASCII: a zero byte ends them, so that no id is another's prefix.
        GrantOwner::Client(client) => [&[BY_CLIENT], client.as_str().as_bytes(), &[0]].concat(),
    }
}

/// Returns a key before all entries that find a client's grants.
pub(super) fn before_by_client() -> Vec<u8> {
    vec![BY_CLIENT]
}

/// Returns the grant of an entry in the index by client, or `None` for an entry of another index.
/// Each grant has one such entry.
pub(super) fn grant_of_client(key: &[u8]) -> Result<Option<GrantId>, Corrupt> {
    let Some(rest) = key.strip_prefix(&[BY_CLIENT]) else { return Ok(None) };
    let (_, id) = rest.split_last_chunk::<16>().ok_or(Corrupt)?;
    Ok(Some(GrantId::from_bytes(*id)))
}

/// The record that an entry names.
#[derive(Clone, Copy)]
pub(super) enum Named {
    /// A grant whose expiry is due for a check.
    Expiring(GrantId),
    /// A grant of a user or client.
    Owned(GrantId),
    /// The user with a name.
    User(UserId),
    /// A user with an identity.
    Linked(UserId),
}

/// Returns the record that an entry names.
pub(super) fn named(key: &[u8], value: &[u8]) -> Result<Named, Corrupt> {
    match key.first() {
        Some(&BY_EXPIRY) => ExpiryEntry::parse(key).map(|entry| Named::Expiring(entry.grant_id)),
        Some(&(BY_SUBJECT | BY_CLIENT)) => {
            let id = key[1..].last_chunk().ok_or(Corrupt)?;
            Ok(Named::Owned(GrantId::from_bytes(*id)))
        }
        Some(&BY_NAME) => User::parse_key(value).map(Named::User),
        Some(&BY_IDENTITY) => {
            let id = key[1..].last_chunk().ok_or(Corrupt)?;
            Ok(Named::Linked(UserId::from_bytes(*id)))
        }
        Some(_) | None => Err(Corrupt),
    }
}

/// The earliest time at which the sweeper checks a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryEntry {
    pub(super) time: Timestamp,
    pub(super) grant_id: GrantId,
}

impl ExpiryEntry {
    /// Prefix of the keys of exactly these entries.
    pub(super) const PREFIX: [u8; 1] = [BY_EXPIRY];

    pub(super) fn to_key(self) -> Vec<u8> {
        let time = self.time.as_millis().to_be_bytes();
        [&[BY_EXPIRY], time.as_slice(), self.grant_id.as_bytes()].concat()
    }

    pub(super) fn parse(key: &[u8]) -> Result<Self, Corrupt> {
        let rest = key.strip_prefix(&[BY_EXPIRY]).ok_or(Corrupt)?;
        let (time, grant_id) = rest.split_first_chunk().ok_or(Corrupt)?;
        Ok(Self {
            time: Timestamp::from_millis(u64::from_be_bytes(*time)),
            grant_id: Grant::parse_key(grant_id)?,
        })
    }

    /// Returns the range of keys of all entries up to and including `now`.
    pub(super) fn due(now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
        let first = Self { time: Timestamp::default(), grant_id: GrantId::from_bytes([0; 16]) };
        let last = Self { time: now, grant_id: GrantId::from_bytes([0xff; 16]) };
        first.to_key()..=last.to_key()
    }
}
