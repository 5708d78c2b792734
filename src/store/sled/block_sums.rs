//! Checksums of a file's blocks, read by a few threads at once: a disk answers several faster than one.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// Number of bytes under one checksum, which is the precision of reported damage.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// Number of threads that read one file.
const READERS: u64 = 4;

/// A file that is read by blocks. Each block is read by one thread.
struct Blocks {
    file: File,
    bytes: u64,
    /// Number of the next block to read.
    next: AtomicU64,
}

struct BlockSum {
    number: u64,
    crc: u32,
}

/// The length of a file with the CRC-32 of each of its blocks.
pub(super) struct BlockSums {
    /// Length of the file.
    pub(super) bytes: u64,
    /// The CRC-32 of each block, in order.
    pub(super) blocks: Vec<u32>,
}

impl BlockSums {
    /// Reads all of the file, which nobody may write meanwhile.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let blocks = Blocks { file, bytes, next: AtomicU64::new(0) };
        let mut sums = blocks.read_by_all()?;
        sums.sort_unstable_by_key(|sum| sum.number);
        Ok(Self { bytes, blocks: sums.into_iter().map(|sum| sum.crc).collect() })
    }
}

impl Blocks {
    fn count(&self) -> u64 {
        self.bytes.div_ceil(BLOCK_BYTES as u64)
    }

    /// Reads with as many threads as there are blocks, at most [`READERS`]; with fewer where a thread cannot be
    /// started.
    fn read_by_all(&self) -> io::Result<Vec<BlockSum>> {
        let helpers = 1..self.count().min(READERS);
        thread::scope(|scope| {
            let start = |_| thread::Builder::new().spawn_scoped(scope, || self.read()).ok();
            let started: Vec<_> = helpers.map_while(start).collect();
            let mut sums = self.read()?;
            for helper in started {
                let read = helper.join().map_err(|_| io::Error::other("a reading thread died"))?;
                sums.extend(read?);
            }
            Ok(sums)
        })
    }

    /// Reads blocks that no other thread has begun, until there are none.
    fn read(&self) -> io::Result<Vec<BlockSum>> {
        let (mut sums, mut block) = (Vec::new(), vec![0; BLOCK_BYTES]);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count() {
                return Ok(sums);
            }
            let start = number * BLOCK_BYTES as u64;
            let length =
                usize::try_from(self.bytes - start).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            self.file.read_exact_at(&mut block[..length], start)?;
            sums.push(BlockSum { number, crc: crc32fast::hash(&block[..length]) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_block_is_summed_once_in_the_files_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        for bytes in [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 9 * BLOCK_BYTES + 7] {
            let content: Vec<u8> =
                (0..bytes).map(|at| at / BLOCK_BYTES).map(|block| block.to_le_bytes()[0]).collect();
            fs::write(&path, &content).expect("a file");
            let found = BlockSums::of(&path).expect("sums");
            let expected: Vec<u32> = content.chunks(BLOCK_BYTES).map(crc32fast::hash).collect();
            assert_eq!((found.bytes, found.blocks), (bytes as u64, expected), "{bytes} bytes");
        }
    }
}
