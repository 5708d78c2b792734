//! Permissions of clients beyond requesting tokens, and the tasks that each allows.

use serde::{Deserialize, Serialize};

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// May do everything in `AdminService`.
    Admin,
    /// Receives the reason for which a token is inactive.
    InactiveReason,
    /// May take backups.
    Backup,
    /// May ask how the server is.
    Status,
    /// May read everything that `AdminService` shows, and change nothing.
    AuditRead,
    /// May administer users and end their grants.
    Users,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 6] = [
        Self::Admin,
        Self::InactiveReason,
        Self::Backup,
        Self::Status,
        Self::AuditRead,
        Self::Users,
    ];

    /// The name in settings and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::InactiveReason => "inactive_reason",
            Self::Backup => "backup",
            Self::Status => "status",
            Self::AuditRead => "audit.read",
            Self::Users => "users",
        }
    }

    /// Reads a name; `None` when it is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    const fn delegated_bit(self) -> u8 {
        match self {
            Self::Admin | Self::InactiveReason => 0,
            Self::Backup => 1,
            Self::Status => 2,
            Self::AuditRead => 4,
            Self::Users => 8,
        }
    }
}

/// Tasks of `AdminService`, grouped by permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Changes clients, or anything at all.
    Administer,
    /// Takes a backup.
    BackUp,
    /// Reads the server's status.
    ReadStatus,
    /// Shows clients.
    ReadClients,
    /// Shows users, their grants and lockouts.
    ReadUsers,
    /// Changes users, and ends their grants and lockouts.
    ManageUsers,
}

impl Task {
    const fn allowed_by(self) -> &'static [Permission] {
        match self {
            Self::Administer => &[],
            Self::BackUp => &[Permission::Backup],
            Self::ReadStatus => &[Permission::Status, Permission::AuditRead],
            Self::ReadClients => &[Permission::AuditRead],
            Self::ReadUsers => &[Permission::AuditRead, Permission::Users],
            Self::ManageUsers => &[Permission::Users],
        }
    }
}

/// The permissions that a client has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// See [`Permission::Admin`].
    pub admin: bool,
    /// See [`Permission::InactiveReason`].
    pub inactive_reason: bool,
    /// The others. Written behind the record, and only where there are some.
    #[serde(skip)]
    pub delegated: Delegated,
}

/// Parts of what an administrator may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegated(u8);

impl Delegated {
    /// Returns whether a record can hold it: it is set and no permission of a newer release.
    pub(super) const fn is_recorded(self) -> bool {
        self.0 != 0 && self.0 < 16
    }
}

impl Permissions {
    /// Adds one.
    #[must_use]
    pub const fn with(mut self, permission: Permission) -> Self {
        match permission {
            Permission::Admin => self.admin = true,
            Permission::InactiveReason => self.inactive_reason = true,
            Permission::Backup | Permission::Status | Permission::AuditRead | Permission::Users => {
                self.delegated.0 |= permission.delegated_bit();
            }
        }
        self
    }

    /// Returns whether the set holds `permission`.
    pub const fn holds(self, permission: Permission) -> bool {
        match permission {
            Permission::Admin => self.admin,
            Permission::InactiveReason => self.inactive_reason,
            Permission::Backup | Permission::Status | Permission::AuditRead | Permission::Users => {
                self.delegated.0 & permission.delegated_bit() != 0
            }
        }
    }

    /// Those that let no client into `AdminService`.
    #[must_use]
    pub const fn without_administration(self) -> Self {
        Self { admin: false, delegated: Delegated(0), ..self }
    }

    /// Those that there are.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.holds(*permission))
    }

    /// Returns whether the set holds all of `wanted`.
    pub fn hold_all(self, wanted: Self) -> bool {
        wanted.iter().all(|permission| self.holds(permission))
    }

    /// Returns whether they allow a confidential client `task`.
    pub fn allow(self, task: Task) -> bool {
        self.admin || task.allowed_by().iter().any(|permission| self.holds(*permission))
    }

    /// Returns whether any of them admits a client to `AdminService`.
    pub fn let_into_administration(self) -> bool {
        self.admin || self.delegated != Delegated::default()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        permissions.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_held_alone_and_has_a_name() {
        for permission in Permission::ALL {
            let alone = Permissions::default().with(permission);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [permission]);
            assert_eq!(Permission::parse(permission.name()), Some(permission));
        }
        assert_eq!(Permission::ALL.into_iter().collect::<Permissions>().iter().count(), 6);
    }

    #[test]
    fn an_administrator_may_do_everything_and_others_their_part() {
        const TASKS: [Task; 6] = [
            Task::Administer,
            Task::BackUp,
            Task::ReadStatus,
            Task::ReadClients,
            Task::ReadUsers,
            Task::ManageUsers,
        ];
        let allowed = |permission| {
            let held = Permissions::default().with(permission);
            TASKS.into_iter().filter(|task| held.allow(*task)).collect::<Vec<_>>()
        };
        assert_eq!(allowed(Permission::Admin), TASKS);
        assert_eq!(allowed(Permission::InactiveReason), []);
        assert_eq!(allowed(Permission::Backup), [Task::BackUp]);
        assert_eq!(allowed(Permission::Status), [Task::ReadStatus]);
        let reads = [Task::ReadStatus, Task::ReadClients, Task::ReadUsers];
        assert_eq!(allowed(Permission::AuditRead), reads);
        assert_eq!(allowed(Permission::Users), [Task::ReadUsers, Task::ManageUsers]);
    }
}
