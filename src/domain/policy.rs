//! The settings that decisions share.

use std::time::Duration;

use super::{
    guesses::GuessPolicy, lockout::LockoutPolicy, password_rules::PasswordRules,
    secret_rules::SecretRules, signing_times::JwtLife,
};

/// All rules of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Tolerance of rotations.
    pub rotation: RotationPolicy,
    /// Rules for new passwords.
    pub passwords: PasswordRules,
    /// Rules for chosen client secrets.
    pub secrets: SecretRules,
    /// Rules for failed logins.
    pub lockout: LockoutPolicy,
    /// Rules for wrong client secrets.
    pub guesses: GuessPolicy,
    /// Longest life of signed access tokens.
    pub jwt_life: JwtLife,
}

impl From<RotationPolicy> for Policies {
    fn from(rotation: RotationPolicy) -> Self {
        Self { rotation, ..Self::default() }
    }
}

/// Tolerance of rotations.
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
