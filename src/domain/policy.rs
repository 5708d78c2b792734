//! The settings that decisions share.

use std::time::Duration;

use super::{
    guesses::GuessPolicy, lockout::LockoutPolicy, password_rules::PasswordRules,
    secret_rules::SecretRules,
};

/// Everything that a service is told of its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// How forgiving a rotation is.
    pub rotation: RotationPolicy,
    /// What new passwords must be.
    pub passwords: PasswordRules,
    /// What client secrets that are chosen must be.
    pub secrets: SecretRules,
    /// What failed logins lead to.
    pub lockout: LockoutPolicy,
    /// What wrong client secrets lead to.
    pub guesses: GuessPolicy,
}

impl From<RotationPolicy> for Policies {
    fn from(rotation: RotationPolicy) -> Self {
        Self { rotation, ..Self::default() }
    }
}

/// How forgiving a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// For how long after a rotation the token that was rotated out returns the same pair again;
    /// zero is strict. At most [`Self::MAX_RETRY_WINDOW`].
    pub retry_window: Duration,
    /// For how long after a rotation the access token that was rotated out stays good, never past
    /// its own expiry.
    pub access_overlap: Duration,
}

impl RotationPolicy {
    /// The longest retry window: beyond it a stolen refresh token would be worth waiting for.
    pub const MAX_RETRY_WINDOW: Duration = Duration::from_secs(5 * 60);
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self { retry_window: Duration::from_secs(60), access_overlap: Duration::from_secs(60) }
    }
}
