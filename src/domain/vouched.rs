//! Permissions of a user that a trusted issuer vouches for, until the next login is due.

use serde::{Deserialize, Serialize};

use super::{
    issuer_name::IssuerName,
    permission::{Delegated, Permissions},
    time::Timestamp,
};

/// Permissions in administration that a login has given a user. They end by themselves: an issuer
/// says nothing when it takes a group away, so the claim has to be shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    /// The issuer, by its name in the settings.
    pub issuer: IssuerName,
    admin: bool,
    parts: Delegated,
    /// From when on the user has none of them.
    pub expire_time: Timestamp,
}

impl Vouched {
    /// Permissions until `expire_time`; `None` unless there is one that lets into administration.
    pub fn new(
        issuer: IssuerName,
        permissions: Permissions,
        expire_time: Timestamp,
    ) -> Option<Self> {
        let Permissions { admin, delegated: parts, .. } = permissions;
        permissions.let_into_administration().then_some(Self { issuer, admin, parts, expire_time })
    }

    /// The permissions, whether or not they have ended.
    pub fn permissions(&self) -> Permissions {
        Permissions { admin: self.admin, delegated: self.parts, ..Permissions::default() }
    }

    /// The permissions at `now`, as far as the settings `allow` the issuer to give them.
    pub fn held(&self, allow: Permissions, now: Timestamp) -> Permissions {
        if now >= self.expire_time {
            return Permissions::default();
        }
        self.permissions().iter().filter(|held| allow.holds(*held)).collect()
    }

    /// Returns whether a record can hold it: it has no permission of a newer release.
    pub(super) fn is_recorded(&self) -> bool {
        self.parts == Delegated::default() || self.parts.is_recorded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::permission::Permission;

    const END: Timestamp = Timestamp::from_millis(2_000);

    fn vouched(permissions: &[Permission]) -> Option<Vouched> {
        let issuer = IssuerName::parse("corp").expect("a name");
        Vouched::new(issuer, permissions.iter().copied().collect(), END)
    }

    #[test]
    fn permissions_end_and_are_no_more_than_the_settings_allow() {
        let given = [Permission::Admin, Permission::Backup];
        let held = vouched(&given).expect("some");
        let all: Permissions = Permission::ALL.into_iter().collect();
        let before = Timestamp::from_millis(1_999);
        assert_eq!(held.held(all, before), given.into_iter().collect());
        assert_eq!(held.held(all, END), Permissions::default());
        let backup: Permissions = [Permission::Backup].into_iter().collect();
        assert_eq!(held.held(backup, before), backup);
        assert_eq!(held.held(Permissions::default(), before), Permissions::default());
    }

    #[test]
    fn nothing_outside_administration_is_vouched_for() {
        assert_eq!(vouched(&[]), None);
        assert_eq!(vouched(&[Permission::InactiveReason]), None);
        let held = vouched(&[Permission::Users, Permission::InactiveReason]).expect("some");
        assert_eq!(held.permissions(), [Permission::Users].into_iter().collect());
    }
}
