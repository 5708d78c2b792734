//! Options of an opening.

use std::path::PathBuf;

/// Location and memory limits of the store.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The data directory. If it is absent it is created, readable by its owner only.
    pub path: PathBuf,
    /// Bytes of cached records. sled's own page cache takes a quarter of this in addition.
    pub cache_bytes: u64,
    /// Bytes to keep free on the file system, see [`Readiness`](super::Readiness). 0 disables the
    /// check.
    pub min_free_space: u64,
    /// Number of bytes by which the file can exceed the needs of its grants before it is cleaned.
    pub spare_bytes: u64,
}

impl SledOptions {
    /// Returns options without a mark for free space and with 128 MiB of spare bytes.
    pub const fn new(path: PathBuf, cache_bytes: u64) -> Self {
        Self { path, cache_bytes, min_free_space: 0, spare_bytes: 128 << 20 }
    }
}
