//! Answers about tokens: introspection, decisions for proxies, explanations for administrators.
//!
//! What belongs here: requests that judge a token and change nothing.

pub(super) mod check;
pub(super) mod explain;
pub(super) mod introspect;
