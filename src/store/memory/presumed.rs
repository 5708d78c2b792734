//! The states that a shared reference store remembers: of each record the one before its newest.

use super::{Map, Mapped, State};
use crate::{
    domain::{client::Client, grant::Grant, user::User},
    store::{Premise, Stored, Version},
};

/// States of records that were replaced or deleted.
#[derive(Default)]
pub(super) struct Outdated {
    pub(super) grants: Map<Grant>,
    pub(super) clients: Map<Client>,
    pub(super) users: Map<User>,
}

impl State {
    /// Returns whether the record of a premise has that version.
    pub(super) fn holds(&mut self, premise: &Premise) -> bool {
        match premise {
            Premise::Grant(id, version) => self.has::<Grant>(id, *version),
            Premise::Client(id, version) => self.has::<Client>(id, *version),
            Premise::User(id, version) => self.has::<User>(id, *version),
        }
    }

    fn has<R: Mapped>(&mut self, key: &R::Key, version: Version) -> bool {
        R::map(self).get(key).map(Stored::version) == Some(version)
    }
}
