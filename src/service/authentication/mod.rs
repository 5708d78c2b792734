//! Authentication: from the credentials of a request to the [`Caller`](super::Caller) that they prove.
//!
//! Contents: reading credentials that both wires carry alike, each way to prove a client, the trusted
//! issuers and their keys, and the bounds of guesses and requests. Passwords of people are in `login`.

pub(super) mod assertion_metrics;
pub(super) mod assertions;
pub(super) mod authenticate;
pub(super) mod authorization;
pub(super) mod bearers;
pub(super) mod certified;
pub(super) mod client_check;
pub(super) mod decoy;
pub(super) mod in_request;
pub(super) mod issuer_keys;
pub(super) mod listed;
pub(super) mod listing;
pub(super) mod request_budget;
pub(super) mod returns;
pub(super) mod review_metrics;
pub(super) mod secrets;
pub(super) mod token_reviewer;
pub(super) mod token_reviews;
pub(super) mod trusted_issuers;
