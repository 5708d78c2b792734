//! Administration: clients, users, grants and lockouts.
//!
//! Contents: requests that take an [`Admin`](super::Admin), each with its line in the audit.

pub(super) mod admin;
pub(super) mod administrators;
pub(super) mod client_secrets;
pub(super) mod clients;
pub(super) mod end_all;
pub(super) mod grants;
pub(super) mod lockouts;
pub(super) mod new_password;
pub(super) mod new_secret;
pub(super) mod page;
pub(super) mod users;
