//! Who may administer, and the one line that tells what an administrator did.

use std::fmt::Display;

use super::{
    Caller, Service,
    audit::{self, Outcome},
    holder::{Account, Holder},
};
use crate::{
    domain::{client_id::ClientId, error::Error, grant::Origin},
    store::Store,
};

/// A caller who may administer. Only [`Service::authorize_admin`] makes one, so a function that
/// takes an administrator cannot be reached by anybody else.
#[derive(Clone, Debug)]
pub struct Admin {
    caller: Caller,
    origin: Origin,
}

impl Admin {
    /// The administrating client.
    pub fn id(&self) -> &ClientId {
        self.caller.id()
    }

    /// On whose account it is that something is hashed.
    pub(super) fn account(&self) -> Account {
        let client = Holder::client(self.id());
        Account { party: client, member: client }
    }

    /// Notes how an action ended, and what it was done to: never a secret, a password or what a person
    /// typed. One that failed may have been done in part, or may be done yet. Hands the outcome on.
    pub(super) fn noted<T>(
        &self,
        action: &'static str,
        target: Option<&dyn Display>,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        let told = match &outcome {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Refused(error.clone()),
        };
        audit::write_admin(self.id(), &self.origin, Some(action), target, &told);
        outcome
    }
}

impl<S: Store> Service<S> {
    /// Lets a caller administer: see [`Caller::may_administer`]. `origin` is for the audit.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn authorize_admin(&self, caller: Caller, origin: Origin) -> Result<Admin, Error> {
        if caller.may_administer() {
            return Ok(Admin { caller, origin });
        }
        let refused = Outcome::Refused(Error::AccessDenied);
        audit::write_admin(caller.id(), &origin, None, None, &refused);
        Err(Error::AccessDenied)
    }
}
