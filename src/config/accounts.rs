//! Users and groups of this machine, by name or by number.

use nix::unistd::{Group, User};

use super::pasted::name;
use crate::domain::invalid::Invalid;

/// Returns the number of a user, which is the text or belongs to the name. Waits for the machine's sources of
/// accounts.
///
/// # Errors
/// For a name of nobody, and for a source that does not answer.
pub(super) fn user(text: &str) -> Result<u32, Invalid> {
    let found = |text: &str| match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(Invalid("this machine has no user of that name")),
        Err(_) => Err(Invalid("this machine cannot look up users: give the user's number")),
    };
    number_or(text, Invalid("must be the name or the number of a user"), found)
}

/// Returns the number of a group, as [`user`] that of a user.
///
/// # Errors
/// As [`user`].
pub(super) fn group(text: &str) -> Result<u32, Invalid> {
    let found = |text: &str| match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(Invalid("this machine has no group of that name")),
        Err(_) => Err(Invalid("this machine cannot look up groups: give the group's number")),
    };
    number_or(text, Invalid("must be the name or the number of a group"), found)
}

fn number_or(
    text: &str,
    fault: Invalid,
    found: impl FnOnce(&str) -> Result<u32, Invalid>,
) -> Result<u32, Invalid> {
    if text.is_empty() || text.starts_with(['-', '+']) || text.contains(['\0', ' ', '/']) {
        return Err(fault);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return name(text, found);
    }
    // The last number is nobody's: with it chown(2) changes nothing.
    text.parse().ok().filter(|number| *number != u32::MAX).ok_or(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_names_and_numbers() {
        assert_eq!((user("root"), group("root")), (Ok(0), Ok(0)));
        assert_eq!((user("65534"), group("7")), (Ok(65_534), Ok(7)));
        for text in ["", "+1", "-1", "4294967295", "a b", "a\0b", "nobody-of-that-name"] {
            assert!(user(text).is_err() && group(text).is_err(), "{text:?}");
        }
    }
}
