//! The composition root: what starts in which order, and stops in the reverse.

mod access;
mod admin_reset;
mod agent;
mod background;
mod build_info;
mod check;
mod commits;
#[cfg(feature = "postgres")]
mod database;
mod declared;
mod doctor;
mod expiry;
mod first_admin;
mod hangup;
mod issuer_watch;
mod key_files;
mod key_removal;
mod key_text;
mod key_watch;
mod lifecycle;
mod listen;
mod listeners;
#[cfg(feature = "postgres")]
mod migrate;
mod named_keys;
mod open;
mod open_files;
mod progress;
mod restore;
mod service_manager;
mod signals;
mod signing_key_text;
mod start;
mod sweeper;
mod system;
mod tls_watch;
mod url_reviewer;

pub use self::{
    admin_reset::{AdminReset, ResetError},
    agent::{
        AgentOptions, IdentityMetrics, Issuing, OwnTokenOutcome, load_certificates, serve_agent,
    },
    build_info::VERSION,
    check::{StoreCheckError, check_store},
    declared::{DeclareError, apply_client, apply_user, left_out},
    doctor::{examine, unusable_keys},
    first_admin::{Announce, FirstAdmin, FirstAdminError, new_client_secret, secret_hash},
    hangup::OnHangup,
    key_files::{KeyFiles, KeyRingError, NewSigningKey, SigningKeyError},
    key_removal::{KeyRemovalError, remove_key},
    lifecycle::{Hooks, ServeError, serve, start_log},
    listeners::Listeners,
    restore::{Restoration, RestoreError, restore, verify_backup},
    start::{Finding, Level, Refusal, StartError},
    system::{SystemClock, SystemEntropy},
};
#[cfg(feature = "postgres")]
pub use self::{
    database::database,
    migrate::{Copied, MigrateError, Migration, migrate, migrate_back},
};
pub use crate::{
    domain::{
        algorithm::Algorithm,
        client_id::ClientId,
        client_secret::is_generated,
        key_ring::KeyId,
        presented_token::is_jwt,
        signing_key_id::SigningKeyId,
        signing_times::{JwtLife, SigningState},
        subject::UserId,
        time::{Clock, Timestamp},
        token::{TOKEN_CHARS, Token, TokenKind},
    },
    grpc::NOT_SERVING,
    store::backup::{BackupError, Grants, PassingChecksum, Summary},
};
