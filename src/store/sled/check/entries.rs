//! Checks the index against the records: each entry must name a record that agrees with it.

use sled::IVec;

use super::{
    Check, Finding, OpenError,
    records::{Found, find},
};
use crate::{
    domain::{grant::Grant, grant_id::GrantId, user::User},
    store::sled::index::{self, Indexed as _, Named},
};

/// State of an entry.
enum Entry {
    Good,
    /// The leftover of a crash or of the sweeper.
    Leftover,
    /// An outdated entry that the sweeper will settle.
    Unswept,
    Disagrees,
}

impl Check {
    pub(super) fn entries(&mut self) -> Result<(), OpenError> {
        let mut dropped: Vec<IVec> = Vec::new();
        for entry in self.index.entries()? {
            let (key, value) = entry?;
            self.report.entries += 1;
            let Ok(named) = index::named(&key, &value) else {
                self.report.add(Finding::UnknownEntry { entry: key.as_ref().into() }, false);
                continue;
            };
            match self.judge(&key, named)? {
                Entry::Good => {}
                Entry::Unswept => self.report.leftovers += 1,
                Entry::Leftover => {
                    self.report.leftovers += 1;
                    dropped.push(key);
                }
                Entry::Disagrees => {
                    let entry = key.as_ref().into();
                    self.report.add(Finding::Disagrees { entry }, self.repair);
                    dropped.push(key);
                }
            }
        }
        if self.repair {
            for key in dropped {
                self.index.remove(key)?;
                self.mending.wrote()?;
            }
        }
        Ok(())
    }

    /// Compares an entry with its record. A record that cannot be read does not count as a
    /// contradiction.
    fn judge(&self, entry: &[u8], named: Named) -> Result<Entry, OpenError> {
        let grant = |id: GrantId| find::<Grant>(&self.grants, id.as_bytes());
        Ok(match named {
            Named::Expiring(id) => match grant(id)? {
                Found::Record(_) | Found::Unreadable => Entry::Good,
                Found::Nothing => Entry::Unswept,
            },
            Named::Owned(id) => match grant(id)? {
                Found::Record(grant) if !needs(&grant, entry) => Entry::Disagrees,
                Found::Record(_) | Found::Unreadable => Entry::Good,
                Found::Nothing => Entry::Leftover,
            },
            Named::User(id) => match find::<User>(&self.users, id.as_bytes())? {
                // A rename that a crash cut short leaves an entry for the old name or the new one.
                Found::Record(user) if index::by_name(&user.name) != entry => Entry::Leftover,
                Found::Record(_) | Found::Unreadable => Entry::Good,
                Found::Nothing => Entry::Leftover,
            },
            Named::Linked(id) => match find::<User>(&self.users, id.as_bytes())? {
                Found::Record(user) if !lists(&user, entry) => Entry::Leftover,
                Found::Record(_) | Found::Unreadable => Entry::Good,
                Found::Nothing => Entry::Leftover,
            },
        })
    }
}

fn lists(user: &User, entry: &[u8]) -> bool {
    User::reindex(None, Some(user)).put.iter().any(|needed| needed.key == entry)
}

fn needs(grant: &Grant, entry: &[u8]) -> bool {
    Grant::reindex(None, Some(grant)).put.iter().any(|needed| needed.key == entry)
}
