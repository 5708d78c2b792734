//! Options of an opening: the database, and limits of its use.

use std::time::Duration;

use super::tls::TlsOptions;
use crate::domain::secret::Secret;

/// Location of the store and limits of its use.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host,host/database`.
    pub url: Secret,
    /// Encryption of the connections.
    pub tls: TlsOptions,
    /// Maximum number of connections.
    pub connections: usize,
    /// Maximum size of the cached records, in bytes.
    pub cache_bytes: u64,
    /// Maximum time by which cached records can lag behind a revocation by another instance.
    pub max_staleness: Duration,
    /// Use a server only while its commits wait for a standby.
    pub require_standby: bool,
}
