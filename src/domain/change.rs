//! Changes that services with cached answers need: revocations, and changes of clients and users.

use serde::{Deserialize, Serialize};

use super::{
    audience::Audience, client::Client, client_id::ClientId, delegation::Delegates, grant::Grant,
    grant_id::GrantId, subject::UserId, time::Timestamp, user::User,
};

/// One event of the changes feed. Rotations are none: a token rotated out runs out by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A grant was ended.
    GrantEnded(GrantChange),
    /// Access tokens of a grant were revoked, its refresh token was not.
    AccessRevoked(GrantChange),
    /// A client's epoch moved: everything issued to it before is dead.
    ClientEpochMoved(ClientChange),
    /// A client was made, changed, disabled, enabled or deleted.
    ClientChanged(ClientChange),
    /// A user's epoch moved: everything issued for them before is dead.
    UserEpochMoved(UserChange),
    /// A user was made, changed, disabled, enabled or deleted.
    UserChanged(UserChange),
    /// A grant was ended, and with it the grants that came of it by token exchange. An older release cannot
    /// read it: it must not keep answers about those.
    FamilyEnded(FamilyChange),
}

/// A changed grant, and the names that decide which watchers may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChange {
    /// The grant.
    pub grant_id: GrantId,
    /// Its newest generation when this happened.
    pub generation: u32,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The services that what was ended was meant for.
    pub audience: Audience,
    /// When it was ended; `None` for access tokens alone.
    pub time: Option<Timestamp>,
}

/// An ended grant that others came of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyChange {
    /// The grant.
    pub grant: GrantChange,
    /// Holders of the tokens that came of it.
    pub delegates: Delegates,
}

/// A changed client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientChange {
    /// The client.
    pub client_id: ClientId,
    /// True if the client is refused from now on: disabled or deleted.
    pub refused: bool,
    /// When; `None` for a deletion.
    pub time: Option<Timestamp>,
}

/// A changed user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChange {
    /// The user.
    pub user_id: UserId,
    /// True if the user is refused from now on: disabled or deleted.
    pub refused: bool,
    /// When; `None` for a deletion.
    pub time: Option<Timestamp>,
}

impl Change {
    /// Returns when this happened, if that is known.
    pub const fn time(&self) -> Option<Timestamp> {
        match self {
            Self::GrantEnded(change) | Self::AccessRevoked(change) => change.time,
            Self::FamilyEnded(change) => change.grant.time,
            Self::ClientEpochMoved(change) | Self::ClientChanged(change) => change.time,
            Self::UserEpochMoved(change) | Self::UserChanged(change) => change.time,
        }
    }

    /// Returns the event of replacing `old` by `new`. Removing a grant's record is no event: the
    /// grant had ended before.
    pub fn of_grant(old: Option<&Grant>, new: Option<&Grant>) -> Option<Self> {
        let (old, new) = old.zip(new)?;
        let change = || GrantChange {
            grant_id: new.id,
            generation: new.current.number,
            client_id: new.client_id.clone(),
            // A re-keyed grant may be meant for others: they hold nothing of what is revoked.
            audience: old.audience.clone(),
            time: new.end.as_ref().map(|end| end.time),
        };
        if old.end.is_none() && new.end.is_some() {
            let (grant, delegates) = (change(), old.delegates().clone());
            return Some(if delegates.is_empty() {
                Self::GrantEnded(grant)
            } else {
                Self::FamilyEnded(FamilyChange { grant, delegates })
            });
        }
        // A re-keyed generation 0 revokes the access token of the answer that got lost.
        let same_generation = old.current.number == new.current.number;
        let lost = same_generation && old.current.access.hash != new.current.access.hash;
        let previous = |grant: &Grant| grant.previous.as_ref().map(|slot| slot.access.hash);
        let lost_previous = same_generation && previous(old) != previous(new);
        (lost || lost_previous).then(|| Self::AccessRevoked(change()))
    }

    /// Returns the event of replacing `old` by `new`.
    pub fn of_client(old: Option<&Client>, new: Option<&Client>) -> Option<Self> {
        let subject = new.or(old)?;
        let change = ClientChange {
            client_id: subject.id.clone(),
            refused: new.is_none_or(|client| client.disabled),
            time: new.map(|client| client.update_time),
        };
        let moved = old.zip(new).is_some_and(|(old, new)| old.epoch != new.epoch);
        Some(if moved { Self::ClientEpochMoved(change) } else { Self::ClientChanged(change) })
    }

    /// Returns the event of replacing `old` by `new`.
    pub fn of_user(old: Option<&User>, new: Option<&User>) -> Option<Self> {
        let subject = new.or(old)?;
        let change = UserChange {
            user_id: subject.id,
            refused: new.is_none_or(|user| user.disabled),
            time: new.map(|user| user.update_time),
        };
        let moved = old.zip(new).is_some_and(|(old, new)| old.epoch != new.epoch);
        Some(if moved { Self::UserEpochMoved(change) } else { Self::UserChanged(change) })
    }
}
