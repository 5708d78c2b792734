//! The composition root: what starts in which order, and stops in the reverse.

mod background;
mod declared;
mod first_admin;
mod key_files;
mod lifecycle;
mod listen;
mod open;
mod signals;
mod sweeper;
mod system;

pub use self::{
    declared::{apply_client, apply_user},
    first_admin::{Announce, FirstAdmin, FirstAdminError},
    key_files::{KeyFiles, KeyRingError},
    lifecycle::{ServeError, Started, serve},
    listen::Listeners,
    open::StartError,
    system::{SystemClock, SystemEntropy},
};
