//! Brings the clients and users of the settings file into the store.
//!
//! A declared field is applied only when its declared value has changed since it was last applied,
//! so that a restart never undoes what an administrator did. What was last applied is kept, field
//! by field, on the record: a fingerprint, or for secrets that people chose an argon2id hash.

mod client;
mod field;
mod user;

pub use self::{client::apply_client, user::apply_user};
