//! The bytes of a backup before its checksum, which is the end of a stream of unknown length.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// Length of the checksum, in bytes.
const CHECKSUM_BYTES: usize = 32;
/// Number of bytes in one read.
const PIECE_BYTES: usize = 16 << 10;

/// Reads all bytes except the checksum, and hashes them.
pub(super) struct Body<R> {
    inner: R,
    hash: Sha256,
    /// Bytes that were read and not yet handed out. The checksum is among them until the end.
    held: Vec<u8>,
    ended: bool,
}

impl<R: Read> Body<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), held: Vec::new(), ended: false }
    }

    /// Returns `true` if everything was read and the last bytes are the hash of the bytes before
    /// them.
    pub(super) fn is_right(&self) -> bool {
        self.ended && *self.hash.clone().finalize() == *self.held
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE_BYTES];
        let read = match self.inner.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        self.held.extend_from_slice(&piece[..read]);
        self.ended = read == 0;
        Ok(())
    }
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && self.held.len() <= CHECKSUM_BYTES {
            self.fill()?;
        }
        let ready = self.held.len().saturating_sub(CHECKSUM_BYTES).min(buffer.len());
        buffer[..ready].copy_from_slice(&self.held[..ready]);
        self.hash.update(&self.held[..ready]);
        self.held.drain(..ready);
        Ok(ready)
    }
}
