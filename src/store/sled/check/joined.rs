//! Users with names that version 0.1 distinguished and today's rule does not.

use std::fmt;

use super::{Check, MAX_FINDINGS, OpenError};
use crate::{
    domain::{
        subject::UserId,
        user::User,
        user_name::{TypedName, UserName},
    },
    store::sled::index,
};

/// Two users whose names are one name today. A login still reaches each by the same text as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedNames {
    /// The user whose stored name is in today's form, or either of the two.
    pub first: Named,
    /// The other user.
    pub second: Named,
}

/// A user with the stored name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The user's id.
    pub id: UserId,
    /// The login name.
    pub name: UserName,
}

impl fmt::Display for JoinedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second } = self;
        let (one, other) = (first.name.as_str(), second.name.as_str());
        write!(f, "users: {one:?} ({}) and {other:?} ({}) are one name", first.id, second.id)
    }
}

/// A user whose name has another form today.
pub(super) struct Renamed {
    today: UserName,
    user: Named,
}

impl Renamed {
    /// Returns `None` for a user whose name has the same form today.
    pub(super) fn of(user: &User) -> Option<Self> {
        let today = TypedName::new(user.name.as_str()).counted_as()?;
        let user = Named { id: user.id, name: user.name.clone() };
        (today != user.name).then_some(Self { today, user })
    }
}

impl Check {
    /// Reports all pairs of users that have one name.
    pub(super) fn joined(&mut self, mut renamed: Vec<Renamed>) -> Result<(), OpenError> {
        renamed.sort_by(|one, other| one.today.cmp(&other.today));
        for same in renamed.chunk_by(|one, other| one.today == other.today) {
            let Some((leader, others)) = same.split_first() else { continue };
            let (first, seconds) = match self.bearer(&leader.today)? {
                Some(bearer) => (bearer, same),
                None => (leader.user.clone(), others),
            };
            for second in seconds {
                let joined = JoinedNames { first: first.clone(), second: second.user.clone() };
                self.report.names_joined += 1;
                if self.report.joined.len() < MAX_FINDINGS {
                    self.report.joined.push(joined);
                }
            }
        }
        Ok(())
    }

    fn bearer(&self, name: &UserName) -> Result<Option<Named>, OpenError> {
        let id = self.index.get(index::by_name(name))?;
        let id = id.and_then(|id| id.as_ref().try_into().ok()).map(UserId::from_bytes);
        Ok(id.map(|id| Named { id, name: name.clone() }))
    }
}
