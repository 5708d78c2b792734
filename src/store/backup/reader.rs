//! Reads a backup, and trusts nothing in it before the checksum was verified.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::DeflateDecoder;

use super::{
    BackupError, Counts, Entry, Header, Summary,
    body::Body,
    frame::{Frame, HEAD_BYTES, MAGIC_BYTES, MAX_PAYLOAD_BYTES, check_magic},
};
use crate::domain::key_ring::KeyId;

/// A backup that is being read. Do not trust its entries before [`Self::next_entry`] has reached
/// the end: the checksum is compared only there.
pub struct BackupReader<R: Read> {
    /// Everything except the checksum.
    body: DeflateDecoder<BufReader<Body<R>>>,
    header: Header,
    counts: Counts,
    keys: Vec<KeyId>,
    payload: Vec<u8>,
    /// Set at the end.
    summary: Option<Summary>,
}

impl<R: Read> BackupReader<R> {
    /// Begins to read a file or a stream that consists of one backup.
    ///
    /// # Errors
    /// Fails if the first bytes are not those of a backup.
    pub fn new(file: R) -> Result<Self, BackupError> {
        let mut body = Body::new(file);
        let mut magic = [0; MAGIC_BYTES];
        body.read_exact(&mut magic).map_err(|error| cut_off(error, BackupError::NotABackup))?;
        check_magic(&magic)?;
        let mut body = DeflateDecoder::new(BufReader::with_capacity(64 << 10, body));
        let mut payload = Vec::new();
        let Frame::Header(header) = read_frame(&mut body, &mut payload)? else {
            return Err(BackupError::Damaged("it has no header"));
        };
        let (counts, keys) = (Counts::default(), Vec::new());
        Ok(Self { body, header, counts, keys, payload, summary: None })
    }

    /// Returns the next entry, or `None` once everything was read and the checksum is right.
    ///
    /// # Errors
    /// Fails if anything is missing, changed or added.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, BackupError> {
        if self.summary.is_some() {
            return Ok(None);
        }
        match read_frame(&mut self.body, &mut self.payload)? {
            Frame::Header(_) => Err(BackupError::Damaged("it has two headers")),
            Frame::Entry(entry) => {
                if let Entry::Key(id) = entry {
                    self.keys.push(id);
                }
                match entry {
                    Entry::Key(_) => self.counts.keys += 1,
                    Entry::SigningKey(_) => {}
                    // Only the trailer shows which entries are repeats.
                    Entry::Client(_)
                    | Entry::User(_)
                    | Entry::Grant(_)
                    | Entry::NoClient(_)
                    | Entry::NoUser(_) => self.counts.repeats += 1,
                }
                Ok(Some(entry))
            }
            Frame::Trailer { end_time, counts } => {
                self.check_end()?;
                let records = counts.records().checked_add(counts.repeats);
                if counts.keys != self.counts.keys || records != Some(self.counts.repeats) {
                    return Err(BackupError::Damaged("entries are missing"));
                }
                let (header, keys) = (self.header, std::mem::take(&mut self.keys));
                self.summary = Some(Summary { header, end_time, counts, keys });
                Ok(None)
            }
        }
    }

    /// Reads the remaining entries and returns the backup's summary.
    ///
    /// # Errors
    /// Fails as [`Self::next_entry`] does.
    pub fn verify(mut self) -> Result<Summary, BackupError> {
        while self.next_entry()?.is_some() {}
        self.summary.ok_or(BackupError::Damaged("it has no trailer"))
    }

    /// Checks that nothing but the checksum follows the trailer, and that it is right.
    fn check_end(&mut self) -> Result<(), BackupError> {
        if self.body.read(&mut [0]).map_err(unreadable)? != 0 {
            return Err(BackupError::Damaged("something follows its trailer"));
        }
        let file = self.body.get_mut();
        if !file.fill_buf()?.is_empty() {
            return Err(BackupError::Damaged("something follows its end"));
        }
        if !file.get_ref().is_right() {
            return Err(BackupError::Damaged("its checksum is wrong"));
        }
        Ok(())
    }
}

const TRUNCATED: BackupError = BackupError::Damaged("it was cut off");

fn read_frame(body: &mut impl Read, payload: &mut Vec<u8>) -> Result<Frame, BackupError> {
    let mut head = [0; HEAD_BYTES];
    body.read_exact(&mut head).map_err(unreadable)?;
    let [letter, length @ ..] = head;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_PAYLOAD_BYTES {
        return Err(BackupError::Damaged("an entry is too long"));
    }
    payload.resize(length, 0);
    body.read_exact(payload).map_err(unreadable)?;
    Frame::read(letter, payload)
}

fn cut_off(error: io::Error, end: BackupError) -> BackupError {
    if error.kind() == io::ErrorKind::UnexpectedEof { end } else { BackupError::Io(error) }
}

/// Converts an error of the decompressor into damage: bytes that are no deflate stream are not an
/// error of the file system.
fn unreadable(error: io::Error) -> BackupError {
    let broken = [io::ErrorKind::InvalidInput, io::ErrorKind::InvalidData];
    if broken.contains(&error.kind()) {
        BackupError::Damaged("its compression is broken")
    } else {
        cut_off(error, TRUNCATED)
    }
}
