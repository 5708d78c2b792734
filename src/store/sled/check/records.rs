//! Checks the records against the index: each record decodes, and every lookup that should find it
//! does.

use sled::IVec;

use super::{Check, Finding, OpenError, Tree, joined::Renamed};
use crate::{
    domain::{
        attempts::Attempts,
        client::Client,
        grant::Grant,
        liveness::{ClientAndUser, Lineage, is_over},
        record::is_newer,
        subject::Subject,
        time::Timestamp,
        used_assertion::UsedAssertion,
        user::User,
    },
    store::{
        ReadError, Record as _, Stored,
        sled::{
            index::{self, Entry, ExpiryEntry, Indexed},
            table::{VERSION_BYTES, decode},
        },
    },
};

impl Check {
    pub(super) fn grants(&mut self) -> Result<(), OpenError> {
        self.report.grants =
            self.records::<Grant>(&self.grants.clone(), "grants", |check, grant| {
                let generations = [Some(&grant.current), grant.previous.as_deref()];
                let named = generations.into_iter().flatten().map(|pair| pair.key_id);
                let unknown: Vec<_> = named.filter(|id| !check.known.contains(id)).collect();
                if !unknown.is_empty() && !check.is_over(grant)? {
                    check.named.extend(unknown);
                }
                Ok(())
            })?;
        Ok(())
    }

    /// Returns `true` if nothing can make the grant valid again, at any time. A restore ends such
    /// grants by moving the epochs of clients and users, so none needs its key any more.
    fn is_over(&self, grant: &Grant) -> Result<bool, OpenError> {
        let client = find::<Client>(&self.clients, Client::key_bytes(&grant.client_id))?;
        let user = match &grant.subject {
            Subject::User { id, .. } => find::<User>(&self.users, User::key_bytes(id))?,
            Subject::Client => Found::Nothing,
        };
        let (Ok(client), Ok(user)) = (client.readable(), user.readable()) else {
            return Ok(false);
        };
        let (client, user) = (client.as_deref(), user.as_deref());
        let parties = ClientAndUser { client, user, lineage: Lineage::default() };
        Ok(is_over(grant, parties, Timestamp::default()))
    }

    pub(super) fn clients(&mut self) -> Result<(), OpenError> {
        self.report.clients =
            self.records::<Client>(&self.clients.clone(), "clients", |_, _| Ok(()))?;
        Ok(())
    }

    pub(super) fn users(&mut self) -> Result<(), OpenError> {
        let mut renamed = Vec::new();
        self.report.users = self.records::<User>(&self.users.clone(), "users", |_, user| {
            renamed.extend(Renamed::of(user));
            Ok(())
        })?;
        self.joined(renamed)
    }

    /// Checks the failed logins. They are in no index and in no backup, so only their encoding is
    /// checked.
    pub(super) fn attempts(&mut self) -> Result<(), OpenError> {
        self.records::<Attempts>(&self.attempts.clone(), "attempts", |_, _| Ok(())).map(drop)
    }

    /// Checks the used assertions, of which the same is true.
    pub(super) fn assertions(&mut self) -> Result<(), OpenError> {
        let tree = self.assertions.clone();
        self.records::<UsedAssertion>(&tree, "assertions", |_, _| Ok(())).map(drop)
    }

    /// Collects the grants that the sweeper will find.
    pub(super) fn collect_expiring(&mut self) -> Result<(), OpenError> {
        for key in self.index.scan_prefix(ExpiryEntry::PREFIX)?.keys() {
            self.expiring.extend(ExpiryEntry::parse(&key?).map(|entry| entry.grant_id));
        }
        self.expiring.sort_unstable();
        Ok(())
    }

    /// Checks every record of a type and counts the records that decode.
    fn records<R: Indexed>(
        &mut self,
        tree: &Tree,
        name: &'static str,
        mut also: impl FnMut(&mut Self, &R) -> Result<(), OpenError>,
    ) -> Result<u64, OpenError> {
        let (mut count, mut undecodable) = (0, Vec::new());
        for record in tree.entries()? {
            let (key, value) = record?;
            let decoded = R::parse_key(&key).map_err(ReadError::from);
            let Ok(record) = decoded.and_then(|key| decode::<R>(&key, &value)) else {
                self.undecodable(name, key, value, &mut undecodable);
                continue;
            };
            count += 1;
            for entry in R::reindex(None, Some(&record)).put {
                self.expect(name, &key, &entry)?;
            }
            also(self, &record)?;
        }
        self.set_aside(name, tree, &undecodable)?;
        Ok(count)
    }

    fn undecodable(
        &mut self,
        tree: &'static str,
        key: IVec,
        value: IVec,
        found: &mut Vec<(IVec, IVec)>,
    ) {
        let id = key.as_ref().into();
        if value.get(VERSION_BYTES..).is_some_and(is_newer) {
            self.report.add(Finding::Newer { tree, key: id }, false);
            return;
        }
        self.report.add(Finding::Undecodable { tree, key: id }, self.repair);
        if self.repair {
            found.push((key, value));
        }
    }

    fn set_aside(
        &mut self,
        name: &str,
        tree: &Tree,
        records: &[(IVec, IVec)],
    ) -> Result<(), OpenError> {
        self.quarantine
            .keep(name, records.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))?;
        for (key, _) in records {
            tree.remove(key)?;
            self.mending.wrote()?;
        }
        Ok(())
    }

    /// Checks that an entry for the record `key` exists.
    fn expect(&mut self, tree: &'static str, key: &[u8], entry: &Entry) -> Result<(), OpenError> {
        if let Ok(expiry) = ExpiryEntry::parse(&entry.key) {
            // The time does not matter: a refresh leaves the entry unchanged.
            if self.expiring.binary_search(&expiry.grant_id).is_ok() {
                return Ok(());
            }
        } else if let Some(found) = self.index.get(&entry.key)? {
            if *found == *entry.value {
                return Ok(());
            }
            if self.is_namesake(&entry.key, &found)? {
                self.report.add(Finding::Namesake { key: key.into() }, false);
                return Ok(());
            }
        }
        if self.repair {
            self.index.insert(entry.key.as_slice(), entry.value.as_slice())?;
            self.mending.wrote()?;
        }
        let entry = entry.key.as_slice().into();
        self.report.add(Finding::NotIndexed { tree, key: key.into(), entry }, self.repair);
        Ok(())
    }

    /// Returns `true` if a name's entry names a user with that name, as far as the records can be
    /// read.
    fn is_namesake(&self, entry: &[u8], id: &[u8]) -> Result<bool, OpenError> {
        Ok(match find::<User>(&self.users, id)? {
            Found::Record(user) => index::by_name(&user.name) == entry,
            Found::Unreadable => true,
            Found::Nothing => false,
        })
    }
}

/// Finds the record with that key.
pub(super) fn find<R: Indexed>(tree: &Tree, key: &[u8]) -> Result<Found<R>, OpenError> {
    let Some(value) = tree.get(key)? else { return Ok(Found::Nothing) };
    let decoded = R::parse_key(key).map_err(ReadError::from);
    let decoded = decoded.and_then(|key| decode(&key, &value));
    Ok(decoded.map_or(Found::Unreadable, Found::Record))
}

/// Result of a lookup by key.
pub(super) enum Found<R> {
    Nothing,
    Unreadable,
    Record(Stored<R>),
}

/// A record that does not decode.
struct Unreadable;

impl<R> Found<R> {
    /// Returns the record, if there is one.
    fn readable(self) -> Result<Option<Stored<R>>, Unreadable> {
        match self {
            Self::Nothing => Ok(None),
            Self::Record(record) => Ok(Some(record)),
            Self::Unreadable => Err(Unreadable),
        }
    }
}
