//! Encodes entries as the bytes of a backup, piece by piece.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use sha2::{Digest as _, Sha256};

use super::{
    Counts, Entry, Header,
    frame::{Frame, magic},
};
use crate::domain::time::Timestamp;

/// A backup in progress. It holds only bytes that were added and not yet taken.
pub struct BackupWriter {
    deflate: DeflateEncoder<Vec<u8>>,
    hash: Sha256,
    frame: Vec<u8>,
    counts: Counts,
}

impl BackupWriter {
    /// Begins a backup.
    pub fn new(header: Header) -> Self {
        // Half of a record is hashes, which do not compress.
        let deflate = DeflateEncoder::new(magic().to_vec(), Compression::fast());
        let counts = Counts::default();
        let mut writer = Self { deflate, hash: Sha256::new(), frame: Vec::new(), counts };
        writer.put(&Frame::Header(header));
        writer
    }

    /// Adds an entry that does not replace an earlier one.
    pub fn add(&mut self, entry: Entry) {
        match &entry {
            Entry::Key(_) => self.counts.keys += 1,
            Entry::SigningKey(_) => {}
            Entry::Client(_) => self.counts.clients += 1,
            Entry::User(_) => self.counts.users += 1,
            Entry::Grant(_) => self.counts.grants += 1,
            Entry::NoClient(_) | Entry::NoUser(_) => self.counts.repeats += 1,
        }
        self.put(&Frame::Entry(entry));
    }

    /// Adds the newer state of a record that may have been added before.
    pub fn repeat(&mut self, entry: Entry) {
        self.counts.repeats += 1;
        self.put(&Frame::Entry(entry));
    }

    /// Returns the counts of the entries added so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes the finished bytes. Often there are none, since the compressor holds some back.
    pub fn take(&mut self) -> Vec<u8> {
        let ready = std::mem::take(self.deflate.get_mut());
        self.hash.update(&ready);
        ready
    }

    /// Ends the backup and returns its last bytes. Everything that had ended at `end_time` is ended
    /// in it.
    pub fn finish(mut self, end_time: Timestamp) -> Vec<u8> {
        self.put(&Frame::Trailer { end_time, counts: self.counts });
        let Self { deflate, mut hash, .. } = self;
        let mut last = ended(deflate);
        hash.update(&last);
        last.extend(hash.finalize());
        last
    }

    fn put(&mut self, frame: &Frame) {
        self.frame.clear();
        frame.write(&mut self.frame);
        self.deflate.write_all(&self.frame).expect("memory takes everything");
    }
}

fn ended(deflate: DeflateEncoder<Vec<u8>>) -> Vec<u8> {
    deflate.finish().expect("memory takes everything")
}
