//! Authorization of administrators, and the one audit line for what an administrator did.

use std::fmt::Display;

use crate::{
    domain::{client_id::ClientId, error::Error, grant::Origin, permission::Task},
    service::{
        Caller,
        audit::audit_line::{Outcome, write_admin},
        holder::{Account, Holder},
        metrics::ServiceMetrics,
    },
};

/// A caller who may ask for a task of administration. Only `Authentication::authorize` makes one, so a function
/// that takes one cannot be reached by anybody else.
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

    /// Returns whether it may do this as well: some records demand more than the task that admitted
    /// it.
    pub(in crate::service) fn may(&self, task: Task) -> bool {
        self.caller.may(task)
    }

    /// The refusal of what it asked to see, which is in the audit.
    pub(in crate::service) fn refused(&self) -> Error {
        let refused = Outcome::Refused(Error::AccessDenied);
        write_admin(&self.caller, &self.origin, None, None, &refused);
        Error::AccessDenied
    }

    /// On whose account it is that something is hashed.
    pub(in crate::service) fn account(&self) -> Account {
        let client = Holder::client(self.id());
        Account { party: client, member: client }
    }

    /// Notes how an action ended, and what it was done to: never a secret, a password or what a person
    /// typed. One that failed may have been done in part, or may be done yet. Hands the outcome on.
    pub(in crate::service) fn noted<T>(
        &self,
        action: &'static str,
        target: Option<&dyn Display>,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        let told = match &outcome {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Refused(error.clone()),
        };
        write_admin(&self.caller, &self.origin, Some(action), target, &told);
        outcome
    }
}

impl Admin {
    /// Lets a caller ask for a task: a confidential client or a person with a permission that allows it.
    /// `origin` is for the audit.
    ///
    /// # Errors
    /// `AccessDenied`, which is in the audit and among the refusals of `metrics`.
    pub(in crate::service) fn admit(
        caller: Caller,
        origin: Origin,
        task: Task,
        metrics: &ServiceMetrics,
    ) -> Result<Self, Error> {
        if caller.may(task) {
            return Ok(Self { caller, origin });
        }
        let refused = Outcome::Refused(Error::AccessDenied);
        metrics.audited(&refused);
        write_admin(&caller, &origin, None, None, &refused);
        Err(Error::AccessDenied)
    }
}
