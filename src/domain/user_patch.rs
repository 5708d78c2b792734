//! Changes to a user: the same for the API and the settings file.

use std::mem;

use super::{
    attributes::Attributes,
    declared::{Assign, Declared},
    entropy::Entropy,
    epoch::Epoch,
    subject::UserId,
    time::Timestamp,
    user::{PasswordHash, User},
    user_identity::UserIdentity,
    user_name::UserName,
};

/// New values of some fields of a user. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// The login name.
    pub name: Option<UserName>,
    /// Identities of trusted issuers, whose ID tokens log the user in.
    pub identities: Option<Vec<UserIdentity>>,
    /// Attributes in introspection responses.
    pub attributes: Option<Attributes>,
    /// Cannot log in, and the user's grants are dead.
    pub disabled: Option<bool>,
}

impl UserPatch {
    /// The patch that only disables a user, or enables them.
    pub fn disabled(disabled: bool) -> Self {
        Self { disabled: Some(disabled), ..Self::default() }
    }

    fn put(self, user: &mut User, mut assign: Assign<'_>) {
        if let Some(name) = self.name.filter(|name| *name != user.name) {
            // A declaration under the old name means another user from then on.
            user.name = name;
            user.declared.clear();
        }
        assign.put("identities", &mut user.identities, self.identities);
        assign.put("attributes", &mut user.attributes, self.attributes);
        assign.put("disabled", &mut user.disabled, self.disabled);
    }
}

/// Effect of a new password on earlier grants.
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
            identities: Vec::new(),
            vouched: None,
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
    pub fn edited(&self, patch: &UserPatch, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let mut next = self.clone();
        patch.clone().put(&mut next, Assign::All);
        next.following(self, entropy, now)
    }

    /// Changes what the settings file declares otherwise than when it was last applied.
    pub fn apply_declared(&mut self, patch: UserPatch) {
        let mut declared = mem::take(&mut self.declared);
        patch.put(self, Assign::Declared(&mut declared));
        self.declared = declared;
    }

    /// This state of a user after another one: disabling ends their grants for good, since the epoch
    /// moves, and so does the loss of an identity. Permissions go with the issuer that gave them.
    #[must_use]
    pub fn following(mut self, before: &Self, entropy: &dyn Entropy, now: Timestamp) -> Self {
        let lost = before.identities.iter().any(|held| !self.identities.contains(held));
        if lost || (self.disabled && !before.disabled) {
            self.epoch = Epoch::generate(entropy);
            self.vouched = None;
        }
        if self != *before {
            self.update_time = now;
        }
        self
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
        let disable = UserPatch::disabled(true);
        let disabled = alice().edited(&disable, &Fixed(2), NOW);
        assert!(disabled.disabled && disabled.epoch != alice().epoch);
        assert_eq!(disabled.edited(&disable, &Fixed(3), Timestamp::from_millis(3)), disabled);
        let enabled = disabled.edited(&UserPatch::disabled(false), &Fixed(3), NOW);
        assert!(!enabled.disabled);
        assert_eq!(enabled.epoch, disabled.epoch);
    }

    #[test]
    fn what_is_not_named_stays_and_no_difference_is_no_change() {
        let name = UserName::parse("bob").expect("a name");
        let rename = UserPatch { name: Some(name.clone()), ..UserPatch::default() };
        let renamed = alice().edited(&rename, &Fixed(2), NOW);
        assert_eq!(renamed, User { name, update_time: NOW, ..alice() });
        let attributes = Some(Attributes::default());
        let same = UserPatch { attributes, ..UserPatch::disabled(false) };
        assert_eq!(alice().edited(&same, &Fixed(2), NOW), alice());
    }
}
