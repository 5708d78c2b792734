//! `[store]` and `[keys]`: where data and keys lie.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::{fields::Fields, overrides::Overrides, size};
use crate::domain::invalid::Invalid;

/// `[store]`: the embedded store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The data directory, made when it is missing; relative to the working directory. Default
    /// `jeton-data`.
    pub path: PathBuf,
    /// Bytes that caches may take: 1 MiB to 1 TiB, default 256 MiB.
    pub cache_bytes: ByteSize,
    /// Bytes of the data directory's file system that are to stay free: with less, nothing is
    /// issued or refreshed. 16 MiB to 1 TiB, or 0 to fill it to the end; default 256 MiB.
    pub min_free_space: ByteSize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
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
        let declared = fields.text("path", "a path", path);
        let cache_bytes = fields.text("cache_bytes", size::FORM, size::cache);
        let min_free_space = fields.text("min_free_space", size::FORM, size::free_space);
        Self {
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
        let path = overrides.keys_path.clone().or(declared);
        path.map_or_else(Self::default, |path| Self { path })
    }
}

/// Reads a path; an empty one is a variable that was not filled in.
pub(super) fn path(text: &str) -> Result<PathBuf, Invalid> {
    if text.is_empty() || text.contains('\0') {
        return Err(Invalid("must be a path"));
    }
    Ok(text.into())
}
