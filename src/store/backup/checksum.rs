//! Checks the checksum of a backup that streams through and is not stored.

use sha2::{Digest as _, Sha256};

const CHECKSUM_BYTES: usize = 32;

/// Hashes all bytes except the last ones, which must be the hash.
#[derive(Clone, Debug, Default)]
pub struct PassingChecksum {
    hash: Sha256,
    last: Vec<u8>,
}

impl PassingChecksum {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
        let passed = self.last.len().saturating_sub(CHECKSUM_BYTES);
        self.hash.update(&self.last[..passed]);
        self.last.drain(..passed);
    }

    /// Returns `true` if the stream was complete and unchanged, as far as the checksum shows.
    pub fn is_right(self) -> bool {
        *self.hash.finalize() == *self.last
    }
}
