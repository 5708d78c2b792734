//! Tokens of a person who has logged in, as a profile keeps them.

use crate::domain::secret::Secret;

/// The tokens of one login.
#[derive(Clone, Debug)]
pub(super) struct PersonTokens {
    pub(super) access_token: Secret,
    /// Time from which it is refused, in RFC 3339.
    pub(super) expire_time: String,
    /// Empty if the client gets none.
    pub(super) refresh_token: Secret,
    /// The secret of the client that the tokens are of; empty for a public client.
    pub(super) client_secret: Secret,
    /// Name of the profile that they are kept in.
    pub(super) profile: String,
}
