//! `[store]` and `[keys]`: the locations of data and keys.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;

use super::{
    database_url::{DatabaseUrl, MOST_CONNECTIONS},
    duration,
    fields::Fields,
    overrides::Overrides,
    path::{is_url, path},
    report::Spot,
    size,
};
use crate::domain::invalid::Invalid;

/// `[store]`: the embedded store, or a database that several instances share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database. `None`, the default, stands for the embedded store. With a database `path` and
    /// `min_free_space` have no effect.
    pub url: Option<DatabaseUrl>,
    /// The CAs of the database's certificate, unless the URL names others: a PEM file. `None`, the
    /// default, stands for the system's CAs.
    pub tls_ca: Option<PathBuf>,
    /// Maximum number of database connections for calls: 1 to 1000, default 16. The process uses
    /// one more.
    pub connections: u32,
    /// Maximum time by which an answer from memory can lag behind a revocation by another instance:
    /// 200ms to 1m, default 1s. Zero: the database is asked for each answer.
    pub max_staleness: Duration,
    /// The data directory, created if it is absent; relative to the working directory. Default
    /// `jeton-data`.
    pub path: PathBuf,
    /// Total size of the caches: 1 MiB to 1 TiB, default 256 MiB.
    pub cache_bytes: ByteSize,
    /// Space to keep free on the data directory's file system: with less, nothing is issued or
    /// refreshed. 16 MiB to 1 TiB, or 0 to fill it completely; default 256 MiB.
    pub min_free_space: ByteSize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: None,
            tls_ca: None,
            connections: 16,
            max_staleness: Duration::from_secs(1),
            path: "jeton-data".into(),
            cache_bytes: ByteSize::mib(256),
            min_free_space: ByteSize::mib(256),
        }
    }
}

impl StoreSettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let default = Self::default();
        let url = read_url(fields, overrides);
        let tls_ca = fields.text("tls_ca", "a path", path);
        let connections = fields.count("connections", MOST_CONNECTIONS);
        let max_staleness = fields.text("max_staleness", duration::FORM, duration::staleness);
        let declared = fields.text("path", "a path", path);
        if overrides.store_path.as_deref().is_some_and(is_url) {
            let problem = "must be a path: the URL of a database is for JETON_STORE_URL";
            fields.report().fault(Spot::Flag("--store-path (JETON_STORE_PATH)"), problem);
        }
        let cache_bytes = fields.text("cache_bytes", size::FORM, size::cache);
        let min_free_space = fields.text("min_free_space", size::FORM, size::free_space);
        Self {
            url,
            tls_ca: overrides.store_tls_ca.clone().or_else(|| tls_ca.map(|path| path.value)),
            connections: overrides
                .store_connections
                .or_else(|| connections.map(|number| number.value))
                .unwrap_or(default.connections),
            max_staleness: overrides
                .max_staleness
                .or_else(|| max_staleness.map(|duration| duration.value))
                .unwrap_or(default.max_staleness),
            path: overrides
                .store_path
                .clone()
                .or_else(|| declared.map(|path| path.value))
                .unwrap_or(default.path),
            cache_bytes: overrides
                .cache_bytes
                .or_else(|| cache_bytes.map(|size| size.value))
                .unwrap_or(default.cache_bytes),
            min_free_space: overrides
                .min_free_space
                .or_else(|| min_free_space.map(|size| size.value))
                .unwrap_or(default.min_free_space),
        }
    }
}

const URL_FORM: &str = r#"a URL like "postgres://jeton@db/jeton""#;

/// Reads the URL from the file, or from its override.
fn read_url(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Option<DatabaseUrl> {
    const FLAG: &str = "--store-url (JETON_STORE_URL)";
    let declared = fields.text("url", URL_FORM, DatabaseUrl::parse);
    if declared.as_ref().is_some_and(|url| url.value.holds_password()) {
        fields.report().holds_secrets = true;
    }
    let Some(given) = &overrides.store_url else { return declared.map(|url| url.value) };
    match DatabaseUrl::parse(given.expose()) {
        Ok(url) => Some(url),
        Err(Invalid(problem)) => {
            fields.report().fault(Spot::Flag(FLAG), problem);
            None
        }
    }
}

/// `[keys]`: the key ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    /// The directory of the key ring; relative to the working directory. Default `jeton-keys`.
    pub path: PathBuf,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { path: "jeton-keys".into() }
    }
}

impl KeySettings {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>, overrides: &Overrides) -> Self {
        let declared = fields.text("path", "a path", path).map(|path| path.value);
        if overrides.keys_path.as_deref().is_some_and(is_url) {
            fields.report().fault(Spot::Flag("--keys-path (JETON_KEYS_PATH)"), "must be a path");
        }
        let path = overrides.keys_path.clone().or(declared);
        path.map_or_else(Self::default, |path| Self { path })
    }
}
