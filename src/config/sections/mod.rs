//! The sections of the file with their settings, one a file; `[grpc]`, `[http]` and `[ops]` share one.

pub(super) mod agent;
pub(super) mod audit;
pub(super) mod check;
pub(super) mod limits;
pub(super) mod listeners;
pub(super) mod lockout;
pub(super) mod log;
pub(super) mod passwords;
pub(super) mod secrets;
pub(super) mod serve;
pub(super) mod socket_access;
pub(super) mod storage;
pub(super) mod tls;
pub(super) mod tokens;
pub(super) mod traces;
