//! Answers about tokens: introspection, decisions for proxies, explanations for administrators.
//!
//! Contents: requests that judge a token and change nothing.

pub(super) mod check;
pub(super) mod explain;
pub(super) mod introspect;
