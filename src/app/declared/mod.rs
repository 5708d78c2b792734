//! Brings the clients and users of the settings file into the store.
//!
//! A declared field is applied only when its declared value has changed since it was last applied,
//! so that a restart never undoes a change of an administrator. The value last applied is kept,
//! field by field, on the record: a fingerprint, or for secrets that people chose an argon2id hash.
//!
//! A record that was declared and is so no more is disabled, unless the settings keep it.

mod client;
mod declarations;
mod declare_error;
mod field;
mod list;
mod merging;
mod removed;
mod seal;
mod user;

pub use self::{
    client::apply_client, declare_error::DeclareError, list::left_out, user::apply_user,
};
pub(super) use self::{declarations::declare, merging::rehearse};
