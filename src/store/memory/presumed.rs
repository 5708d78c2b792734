//! The proof of premises in the reference engine.

use super::{Mapped, State};
use crate::{
    domain::{client::Client, grant::Grant, user::User},
    store::{Premise, Stored, Version},
};

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
