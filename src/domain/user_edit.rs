//! How an administrator's changes turn one state of a user into the next.

use super::{
    attributes::Attributes,
    client::Declared,
    entropy::Entropy,
    epoch::Epoch,
    subject::UserId,
    time::Timestamp,
    user::{PasswordHash, User},
    user_name::UserName,
};

/// The new value of one field of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEdit {
    /// The login name.
    Name(UserName),
    /// What introspection tells of the user.
    Attributes(Attributes),
}

/// What a new password does to what was issued before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldGrants {
    /// It is dead.
    End,
    /// It lives on.
    Keep,
}

impl User {
    /// A new user, who can log in.
    pub fn new(
        name: UserName,
        password: PasswordHash,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Self {
        Self {
            id: UserId::generate(entropy),
            name,
            password,
            attributes: Attributes::default(),
            create_time: now,
            update_time: now,
            epoch: Epoch::generate(entropy),
            disabled: false,
            declared: Declared::default(),
        }
    }

    /// The user with some fields changed. Without any difference it is the same state, its
    /// `update_time` included.
    #[must_use]
    pub fn edited(&self, edits: &[UserEdit], now: Timestamp) -> Self {
        let mut next = self.clone();
        for edit in edits {
            match edit.clone() {
                // What the settings file declares under the old name is another user from now on.
                UserEdit::Name(name) if name != next.name => {
                    next.name = name;
                    next.declared.clear();
                }
                UserEdit::Name(_) => {}
                UserEdit::Attributes(attributes) => next.attributes = attributes,
            }
        }
        next.changed_from(self, now)
    }

    /// The user with another password.
    #[must_use]
    pub fn with_password(
        &self,
        password: PasswordHash,
        grants: OldGrants,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Self {
        let epoch = match grants {
            OldGrants::End => Epoch::generate(entropy),
            OldGrants::Keep => self.epoch,
        };
        Self { password, epoch, update_time: now, ..self.clone() }
    }

    /// The user, who cannot log in any more. Their grants end for good: the epoch moves.
    #[must_use]
    pub fn disabled(&self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        if self.disabled {
            return self.clone();
        }
        let epoch = Epoch::generate(entropy);
        Self { disabled: true, epoch, update_time: now, ..self.clone() }
    }

    /// The user, who can log in again. What had ended stays ended.
    #[must_use]
    pub fn enabled(&self, now: Timestamp) -> Self {
        Self { disabled: false, ..self.clone() }.changed_from(self, now)
    }

    fn changed_from(mut self, before: &Self, now: Timestamp) -> Self {
        if self != *before {
            self.update_time = now;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(2);

    fn hash(text: &str) -> PasswordHash {
        PasswordHash(text.into())
    }

    fn alice() -> User {
        let name = UserName::parse("alice").expect("a name");
        User::new(name, hash("old"), &Fixed(1), Timestamp::from_millis(1))
    }

    #[test]
    fn a_password_ends_what_was_issued_before_unless_told_otherwise() {
        let ended = alice().with_password(hash("new"), OldGrants::End, &Fixed(2), NOW);
        assert_eq!(ended.password, hash("new"));
        assert_ne!(ended.epoch, alice().epoch);
        let kept = alice().with_password(hash("new"), OldGrants::Keep, &Fixed(2), NOW);
        assert_eq!((kept.password, kept.epoch), (hash("new"), alice().epoch));
    }

    #[test]
    fn disabling_moves_the_epoch_once_and_enabling_leaves_it() {
        let disabled = alice().disabled(&Fixed(2), NOW);
        assert!(disabled.disabled && disabled.epoch != alice().epoch);
        assert_eq!(disabled.disabled(&Fixed(3), Timestamp::from_millis(3)), disabled);
        let enabled = disabled.enabled(NOW);
        assert!(!enabled.disabled);
        assert_eq!(enabled.epoch, disabled.epoch);
    }

    #[test]
    fn what_is_not_named_stays_and_no_difference_is_no_change() {
        let name = UserName::parse("bob").expect("a name");
        let renamed = alice().edited(&[UserEdit::Name(name.clone())], NOW);
        assert_eq!(renamed, User { name, update_time: NOW, ..alice() });
        let same = UserEdit::Attributes(Attributes::default());
        assert_eq!(alice().edited(&[same], NOW), alice());
        assert_eq!(alice().enabled(NOW), alice());
    }
}
