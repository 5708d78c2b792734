//! Users whose names were two by the rule of version 0.1 and are one by today's.

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

/// Two users whose names are one name. Each is still reached by the text that reached them before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedNames {
    /// The user who bears the name as it would be given today, or else one of the two.
    pub first: Named,
    /// The other one.
    pub second: Named,
}

/// A user and what the store calls them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who.
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

/// A user whose name would be another today.
pub(super) struct Renamed {
    today: UserName,
    user: Named,
}

impl Renamed {
    /// `None` for a user whose name would be the same.
    pub(super) fn of(user: &User) -> Option<Self> {
        let today = TypedName::new(user.name.as_str()).counted_as()?;
        let user = Named { id: user.id, name: user.name.clone() };
        (today != user.name).then_some(Self { today, user })
    }
}

impl Check {
    /// Reports every two users of one name.
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
