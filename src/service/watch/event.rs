//! An event of the feed, and its audience: callers that may introspect a token that it ends or
//! changes.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use tokio::sync::OnceCell;

use crate::{
    domain::{
        change::{Change, FamilyChange, GrantChange},
        client::IntrospectReach,
        client_id::ClientId,
        error::Error,
        time::Timestamp,
    },
    store::Sequence,
};

/// An event, read once and shared by every watch.
#[derive(Debug)]
pub struct Event {
    sequence: Sequence,
    change: Change,
    /// Found out when the first watch needs to know: most see everything.
    holders: OnceCell<Arc<Holders>>,
}

/// Possible holders of tokens that an event of a client or user ends or changes.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// The clients that such tokens were issued to.
    pub(super) clients: BTreeSet<ClientId>,
    /// The services that they are meant for.
    pub(super) services: BTreeSet<Box<str>>,
    /// There were too many grants to look at: others may hold some too.
    pub(super) others: bool,
}

/// Visibility of an event to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// The caller sees nothing: the event is about tokens of others.
    Hidden,
    /// The caller sees the change.
    Full,
    /// The caller sees only that something changed: it may not see the names.
    Redacted,
}

impl Event {
    pub(super) const fn new(sequence: Sequence, change: Change) -> Self {
        Self { sequence, change, holders: OnceCell::const_new() }
    }

    pub(super) const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The change.
    pub const fn change(&self) -> &Change {
        &self.change
    }

    /// When it happened, if that is on record.
    pub const fn time(&self) -> Option<Timestamp> {
        match &self.change {
            Change::GrantEnded(grant)
            | Change::AccessRevoked(grant)
            | Change::FamilyEnded(FamilyChange { grant, .. }) => grant.time,
            Change::ClientEpochMoved(client) | Change::ClientChanged(client) => client.time,
            Change::UserEpochMoved(user) | Change::UserChanged(user) => user.time,
        }
    }

    /// Returns whether the event is a change of the registration of `client`.
    pub(super) fn is_change_of(&self, client: &ClientId) -> bool {
        match &self.change {
            Change::ClientEpochMoved(change) | Change::ClientChanged(change) => {
                change.client_id == *client
            }
            Change::GrantEnded(_)
            | Change::AccessRevoked(_)
            | Change::FamilyEnded(_)
            | Change::UserEpochMoved(_)
            | Change::UserChanged(_) => false,
        }
    }

    /// Returns what `caller` sees with that reach. `find` is polled no more once it has answered.
    ///
    /// # Errors
    /// Those of `find`.
    pub(super) async fn visible_to<F>(
        &self,
        caller: &ClientId,
        reach: IntrospectReach,
        find: impl FnOnce() -> F,
    ) -> Result<Visibility, Error>
    where
        F: Future<Output = Result<Arc<Holders>, Error>>,
    {
        match self.visible_at_once(caller, reach) {
            Some(heard) => Ok(heard),
            None => Ok(self.holders.get_or_try_init(find).await?.visibility(caller, reach)),
        }
    }

    /// Returns whether a search has to decide what `caller` sees.
    pub(super) fn takes_a_search(&self, caller: &ClientId, reach: IntrospectReach) -> bool {
        self.holders.get().is_none() && self.visible_at_once(caller, reach).is_none()
    }

    /// Returns what `caller` sees, if the event itself decides it.
    fn visible_at_once(&self, caller: &ClientId, reach: IntrospectReach) -> Option<Visibility> {
        if reach == IntrospectReach::Any || self.is_change_of(caller) {
            return Some(Visibility::Full);
        }
        match &self.change {
            Change::GrantEnded(grant) | Change::AccessRevoked(grant) => {
                Some(of_grant(grant, caller, reach))
            }
            Change::FamilyEnded(family) => Some(of_family(family, caller, reach)),
            // Of another client; but tokens of the caller's can have come of that one's by exchange.
            Change::ClientEpochMoved(_)
            | Change::ClientChanged(_)
            | Change::UserEpochMoved(_)
            | Change::UserChanged(_) => None,
        }
    }
}

/// As far as introspection reaches, see `introspect::may_see`.
fn of_grant(grant: &GrantChange, caller: &ClientId, reach: IntrospectReach) -> Visibility {
    let seen = grant.client_id == *caller
        || (reach == IntrospectReach::Audience && grant.audience.names_client(caller));
    if seen { Visibility::Full } else { Visibility::Hidden }
}

/// The same, of the grant and of all that came of it.
fn of_family(family: &FamilyChange, caller: &ClientId, reach: IntrospectReach) -> Visibility {
    let FamilyChange { grant, delegates } = family;
    let holds = delegates.clients.contains(caller)
        || (reach == IntrospectReach::Audience && delegates.services.contains(caller.as_str()));
    if holds { Visibility::Full } else { of_grant(grant, caller, reach) }
}

impl Holders {
    fn visibility(&self, caller: &ClientId, reach: IntrospectReach) -> Visibility {
        let holds = self.clients.contains(caller)
            || (reach == IntrospectReach::Audience && self.services.contains(caller.as_str()));
        match (holds, self.others) {
            (true, _) => Visibility::Full,
            (false, true) => Visibility::Redacted,
            (false, false) => Visibility::Hidden,
        }
    }
}
