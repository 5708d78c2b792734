//! Access to a socket of the file system.

#![expect(
    clippy::struct_field_names,
    reason = "the fields of a section have the names of its keys"
)]

use std::fmt;

use crate::{
    config::{
        accounts,
        fields::Fields,
        listen_address::ListenAddress,
        section::section,
        setting::{Declaration, Setting},
        value::{text, texts},
    },
    domain::invalid::Invalid,
};

/// Access to a socket of the file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketAccess {
    /// The mode of its file.
    pub mode: SocketMode,
    /// The owner of its file; the user of the process unless given.
    pub owner: SocketOwner,
    /// The users whose processes may connect, as the kernel names them; any, if none is named.
    pub uids: Option<SocketUids>,
}

section! {
    /// Access to the listener's socket of the file system.
    struct Socket in "" {
        /// Mode of the socket's file, which decides who may connect.
        socket_mode: SocketMode = mode(),
        /// Owner and group of the socket's file, "jeton:www-data", "1000:33" or ":www-data". An empty one is
        /// that of the process.
        socket_owner: SocketOwner = owner(),
        /// Users whose processes may connect, by name or by number, as the kernel names them. An empty list
        /// allows all of them.
        socket_uids: Option<SocketUids> = uids(),
    }
}

/// The mode of a socket, as a setting.
pub(in crate::config) fn mode() -> Setting<SocketMode> {
    text("a string", SocketMode::parse, SocketMode::to_string).or(SocketMode::default())
}

/// The owner of a socket, as a setting.
pub(in crate::config) fn owner() -> Setting<SocketOwner> {
    text("a string", owner_or_none, |_| String::new()).or(SocketOwner::default())
}

/// The users who may connect to a socket, as a setting.
pub(in crate::config) fn uids() -> Setting<Option<SocketUids>> {
    texts("a list of users", uids_or_none, |_| &[]).or(None)
}

fn owner_or_none(text: &str) -> Result<SocketOwner, Invalid> {
    if text.is_empty() { Ok(SocketOwner::default()) } else { SocketOwner::parse(text) }
}

/// A flag has the whole list in one text.
fn uids_or_none(texts: &[&str]) -> Result<Option<SocketUids>, Invalid> {
    match texts {
        [] => Ok(None),
        [one] => SocketUids::parse(one).map(Some),
        several => SocketUids::of(several).map(Some),
    }
}

impl SocketAccess {
    /// Declares the settings of the socket in the section of a listener.
    pub(in crate::config) fn declarations(section: &'static str) -> Vec<Declaration> {
        let mut settings = Socket::section().settings;
        for setting in &mut settings {
            setting.section = section;
        }
        settings
    }

    /// Reads the settings of the socket in the section of a listener.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let Socket { socket_mode, socket_owner, socket_uids } = Socket::read_all(fields);
        Self { mode: socket_mode, owner: socket_owner, uids: socket_uids }
    }

    /// Refuses what differs from the default where the listener has no socket of the file system: it would
    /// keep nobody out.
    pub(in crate::config) fn check(
        &self,
        fields: &mut Fields<'_, '_>,
        listen: Option<&ListenAddress>,
    ) {
        const PROBLEM: &str = "is for a listener on unix: and a path";
        let default = Self::default();
        if matches!(listen, Some(ListenAddress::Unix(_))) {
            return;
        }
        if self.mode != default.mode {
            fields.refuse(&Socket::socket_mode(), PROBLEM);
        }
        if self.owner != default.owner {
            fields.refuse(&Socket::socket_owner(), PROBLEM);
        }
        if self.uids != default.uids {
            fields.refuse(&Socket::socket_uids(), PROBLEM);
        }
    }

    /// Returns whether a process of that user may connect.
    pub fn lets(&self, uid: u32) -> bool {
        self.uids.as_ref().is_none_or(|uids| uids.0.contains(&uid))
    }
}

/// Mode of a socket of the file system, which decides who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl SocketMode {
    /// Reads `0660`: up to four octal digits.
    ///
    /// # Errors
    /// For anything else, and for more than read and write.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fault = Invalid(r#"must be an octal mode like "0660", of reading and writing alone"#);
        let mode = u32::from_str_radix(text, 8).map_err(|_| fault)?;
        let plain = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        (plain && mode & !0o666 == 0).then_some(Self(mode)).ok_or(fault)
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Default for SocketMode {
    /// Its owner alone.
    fn default() -> Self {
        Self(0o600)
    }
}

/// To whom a socket of the file system belongs; what is not said is as the process has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOwner {
    /// The user's number.
    pub user: Option<u32>,
    /// The group's number.
    pub group: Option<u32>,
}

impl SocketOwner {
    /// Reads `jeton:www-data`, `1000` or `:33`.
    ///
    /// # Errors
    /// For anything else, and for names that this machine does not know.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let named = |text: &str, look_up: fn(&str) -> Result<u32, Invalid>| match text {
            "" => Ok(None),
            text => look_up(text).map(Some),
        };
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let owner =
            Self { user: named(user, accounts::user)?, group: named(group, accounts::group)? };
        if owner == Self::default() {
            return Err(Invalid(r#"must be a user and a group like "jeton:www-data", or ":33""#));
        }
        Ok(owner)
    }
}

/// The users whose processes may connect, as numbers: one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketUids(Vec<u32>);

impl SocketUids {
    /// Reads `jeton,1001`.
    ///
    /// # Errors
    /// For anything else, and for names that this machine does not know.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::of(&text.split(',').collect::<Vec<_>>())
    }

    fn of(texts: &[&str]) -> Result<Self, Invalid> {
        texts.iter().map(|text| accounts::user(text)).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_and_lets_nobody_run_a_socket() {
        assert_eq!(SocketMode::parse("0660"), Ok(SocketMode(0o660)));
        assert_eq!(SocketMode::parse("600"), Ok(SocketMode(0o600)));
        for text in ["", "0770", "0o660", "660u", "888", "+660", "02660"] {
            assert!(SocketMode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_owner_is_a_user_a_group_or_both() {
        let owner = |user, group| Ok(SocketOwner { user, group });
        assert_eq!(SocketOwner::parse("1000:100"), owner(Some(1000), Some(100)));
        assert_eq!(SocketOwner::parse("0"), owner(Some(0), None));
        assert_eq!(SocketOwner::parse(":33"), owner(None, Some(33)));
        assert_eq!(SocketOwner::parse("root:root"), owner(Some(0), Some(0)));
        for text in ["", ":", "no-user-of-that-name", "+1", "1:2:3", "4294967295", "-1"] {
            assert!(SocketOwner::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn users_are_named_or_numbered_and_one_at_least() {
        let uids = SocketUids::parse("root,1000").ok();
        let access = SocketAccess { uids, ..SocketAccess::default() };
        assert!(access.lets(0) && access.lets(1000) && !access.lets(1));
        assert!(SocketAccess::default().lets(1));
        for text in ["", ",", "1,", "no-user-of-that-name", "1 ,2", "-1"] {
            assert!(SocketUids::parse(text).is_err(), "{text}");
        }
    }
}
