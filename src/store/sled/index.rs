//! Index entries: the other ways to find a record. Written before the record they speak of, so that
//! none is ever missing; checked against the record when used, so that one too many does no harm.

use crate::{
    domain::{
        attempts::Attempts, client::Client, client_id::ClientId, grant::Grant, grant_id::GrantId,
        record::Corrupt, subject::UserId, time::Timestamp, user::User, user_name::UserName,
    },
    store::{GrantOwner, Record},
};

/// An entry's key and value in the index tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// What replacing one state of a record by another does to the index.
#[derive(Debug, Default)]
pub struct Reindex {
    /// Written before the record.
    pub put: Vec<Entry>,
    /// Removed after the record was written.
    pub remove: Vec<Vec<u8>>,
    /// Must not be another record's: its key and the value that is ours.
    pub unique: Option<Entry>,
}

/// A record type that the sled engine keeps.
pub trait Indexed: Record {
    /// What has to change in the index when `new` takes the place of `old`.
    fn reindex(old: Option<&Self>, new: Option<&Self>) -> Reindex;
}

/// The first byte of an entry's key: which index it belongs to.
const BY_EXPIRY: u8 = b'e';
const BY_SUBJECT: u8 = b's';
const BY_CLIENT: u8 = b'c';
const BY_NAME: u8 = b'n';

impl Indexed for Grant {
    /// Refreshing a grant changes nothing here: its expiry entry is moved when the sweeper meets
    /// it, and freeing a grant leaves that entry to the sweeper too.
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
        let stays = old.zip(new).is_some_and(|(old, new)| old.name == new.name);
        if stays {
            return Reindex::default();
        }
        Reindex {
            put: new.map(entry).into_iter().collect(),
            remove: old.map(|user| by_name(&user.name)).into_iter().collect(),
            unique: new.map(entry),
        }
    }
}

impl Indexed for Attempts {
    fn reindex(_old: Option<&Self>, _new: Option<&Self>) -> Reindex {
        Reindex::default()
    }
}

/// The key under which a user's id is found by name.
pub(super) fn by_name(name: &UserName) -> Vec<u8> {
    [&[BY_NAME], name.as_str().as_bytes()].concat()
}

fn by_subject(user: UserId, grant: GrantId) -> Vec<u8> {
    [owned_by(&GrantOwner::User(user)).as_slice(), grant.as_bytes()].concat()
}

fn by_client(client: &ClientId, grant: GrantId) -> Vec<u8> {
    [owned_by(&GrantOwner::Client(client.clone())).as_slice(), grant.as_bytes()].concat()
}

/// What the keys of an owner's grants begin with; the grant's id follows.
pub(super) fn owned_by(owner: &GrantOwner) -> Vec<u8> {
    match owner {
        GrantOwner::User(user) => [&[BY_SUBJECT], user.as_bytes().as_slice()].concat(),
        // Client ids are graphic ASCII: a zero byte ends them, so that no id is another's prefix.
        GrantOwner::Client(client) => [&[BY_CLIENT], client.as_str().as_bytes(), &[0]].concat(),
    }
}

/// What comes before every entry that finds a client's grants.
pub(super) fn before_by_client() -> Vec<u8> {
    vec![BY_CLIENT]
}

/// The grant that an entry finds for its client; `None` for an entry of another index. Each grant
/// has one.
pub(super) fn grant_of_client(key: &[u8]) -> Result<Option<GrantId>, Corrupt> {
    let Some(rest) = key.strip_prefix(&[BY_CLIENT]) else { return Ok(None) };
    let (_, id) = rest.split_last_chunk::<16>().ok_or(Corrupt)?;
    Ok(Some(GrantId::from_bytes(*id)))
}

/// What an entry names.
#[derive(Clone, Copy)]
pub(super) enum Named {
    /// The grant that is to be looked at for freeing.
    Expiring(GrantId),
    /// A grant of a subject or a client.
    Owned(GrantId),
    /// The user who bears a name.
    User(UserId),
}

/// Reads what an entry names.
pub(super) fn named(key: &[u8], value: &[u8]) -> Result<Named, Corrupt> {
    match key.first() {
        Some(&BY_EXPIRY) => ExpiryEntry::parse(key).map(|entry| Named::Expiring(entry.grant_id)),
        Some(&(BY_SUBJECT | BY_CLIENT)) => {
            let id = key[1..].last_chunk().ok_or(Corrupt)?;
            Ok(Named::Owned(GrantId::from_bytes(*id)))
        }
        Some(&BY_NAME) => User::parse_key(value).map(Named::User),
        Some(_) | None => Err(Corrupt),
    }
}

/// When a grant is to be looked at for freeing: at that time or later, never before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryEntry {
    pub(super) time: Timestamp,
    pub(super) grant_id: GrantId,
}

impl ExpiryEntry {
    /// What the keys of these entries begin with, and no others.
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

    /// The range of keys of all entries up to and including `now`.
    pub(super) fn due(now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
        let first = Self { time: Timestamp::default(), grant_id: GrantId::from_bytes([0; 16]) };
        let last = Self { time: now, grant_id: GrantId::from_bytes([0xff; 16]) };
        first.to_key()..=last.to_key()
    }
}
