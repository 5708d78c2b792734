//! `[store]` and `[keys]`: the locations of data and keys.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;

use crate::{
    config::{
        database_url::DatabaseUrl,
        duration::{DAY, MILLISECOND, MINUTE, SECOND},
        fields::Fields,
        section::section,
        value::{count, path, secret, switch, within, zero_or_within},
    },
    domain::signing_times::JwtLife,
};

section! {
    /// The embedded store, or a database that several instances share.
    pub struct StoreSettings in "store" {
        /// The data directory.
        ///
        /// It is created if it is absent.
        path: PathBuf = path().or("jeton-data".into()).flag("store-path", "DIR"),
        /// Total size of the caches.
        cache_bytes: ByteSize = within(ByteSize::mib(1)..=ByteSize::tib(1))
            .or(ByteSize::mib(256))
            .flag("cache-bytes", "SIZE"),
        /// Space to keep free on the file system, or 0.
        ///
        /// With less, nothing is issued or refreshed; with less than a quarter, nothing is revoked either:
        /// docs/store.md.
        min_free_space: ByteSize = zero_or_within(ByteSize::mib(16)..=ByteSize::tib(1))
            .or(ByteSize::mib(256))
            .flag("min-free-space", "SIZE"),
        /// The database that several instances share: postgres://… A password belongs in the variable or
        /// the file: every process on the machine can see arguments.
        ///
        /// It takes the place of the data directory: docs/postgresql.md. `path` and `min_free_space` then have
        /// no effect. libpq's sslmode, sslrootcert, sslcert and sslkey select the encryption.
        url: Option<DatabaseUrl> = secret(r#"a URL like "postgres://jeton@db/jeton""#, DatabaseUrl::parse)
            .optional()
            .flag("store-url", "URL")
            .example("postgres://jeton@db1.example.internal,db2.example.internal/jeton"),
        /// The CAs of the database's certificate: a PEM file.
        ///
        /// A URL that names others takes precedence.
        tls_ca: Option<PathBuf> = path()
            .optional()
            .flag("store-tls-ca", "FILE")
            .otherwise("the system's")
            .example("/etc/jeton/database-ca.pem"),
        /// Connections to the database, at most.
        ///
        /// They are for calls; the process uses one more.
        connections: u32 = count(1..=1000).or(16).flag("store-connections", "N"),
        /// Longest delay of another instance's revocations.
        ///
        /// Answers from memory can lag behind by it; with 0s the database is asked for each answer.
        max_staleness: Duration = zero_or_within(200 * MILLISECOND..=MINUTE)
            .or(SECOND)
            .flag("max-staleness", "DURATION"),
        /// Serve only while the database's commits wait for a standby.
        ///
        /// A server that takes over can commit alone for a moment, until it has standbys of its own; nothing is
        /// acknowledged meanwhile: docs/failover.md.
        require_standby: bool = switch().or(false).flag("require-standby", "BOOL"),
    }
}

impl StoreSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let url = fields.peek("url").and_then(|url| DatabaseUrl::parse(url).ok());
        if url.is_some_and(|url| url.holds_password()) {
            fields.report().holds_secrets = true;
        }
        Self::read_all(fields)
    }
}

section! {
    /// The key ring.
    pub struct KeySettings in "keys" {
        /// The directory of the key ring.
        ///
        /// It is never in the data directory, and never in a backup.
        path: PathBuf = path().or("jeton-keys".into()).flag("keys-path", "DIR"),
        /// Time that verifiers of signed access tokens keep the public keys.
        ///
        /// It is the `max-age` of `/.well-known/jwks.json`. A signing key that is activated signs when it has
        /// been published for that time.
        jwks_max_age: Duration = within(SECOND..=DAY).or(5 * MINUTE),
        /// Longest life of a signed access token.
        ///
        /// No client's `access_token_ttl` may be longer, and a key stays published so long after it last signed.
        max_jwt_ttl: Duration = within(MINUTE..=JwtLife::MOST.0).or(JwtLife::default().0),
    }
}
