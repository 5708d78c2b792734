//! Tokens of clients: issued, refreshed, exchanged, revoked.
//!
//! Contents: the requests that make or end tokens, and the limits on how many there are.

pub(super) mod answer;
pub(super) mod elapsed;
pub(super) mod exchange;
pub(super) mod issue;
pub(super) mod limit;
pub(super) mod minting;
pub(super) mod refresh;
pub(super) mod revoke;
