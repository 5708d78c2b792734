//! The seal: checksums of every file of a store that was closed in order.
//!
//! sled repairs its files silently: it drops the end of a log from the first unreadable message on,
//! skips segments with unreadable headers, and writes zeros over both. The files of a store that
//! was closed in order are therefore compared, byte for byte, with its seal at the next opening,
//! before sled reads them: no damage of such a store goes unnoticed.
//!
//! A store that was not closed, because the process was killed or the power failed, has no seal.
//! Then every page that recovery keeps is read and checked, and the end of the log must reach the
//! [`Floor`](super::floor::Floor). Some damage to data written since the last opening cannot be
//! detected then: in a full segment of the log, if an older state of the same pages can still be
//! read; and after a power failure also in the writes of the last second, where it looks like a
//! write that the failure has torn.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    OpenError,
    block_sums::{BLOCK_BYTES, BlockSums},
};
use crate::store::new_file;

const NAME: &str = "seal";

/// The files of a closed store by their names below its directory.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal(BTreeMap<String, SealedFile>);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SealedFile {
    bytes: u64,
    /// The CRC-32 of each block.
    blocks: Vec<u32>,
}

/// Seals the store `files` within `directory`. The store must not be written afterwards.
pub(super) fn put(directory: &Path, files: &Path) -> io::Result<()> {
    let seal = serde_json::to_string(&Seal::of(files)?)?;
    let text = format!("{seal}\n{:08x}\n", crc32fast::hash(seal.as_bytes()));
    let new = directory.join("seal.new");
    let mut file = new_file::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, directory.join(NAME))?;
    File::open(directory)?.sync_all()
}

/// Compares the store `files` within `directory` with its seal. Returns `false` if it has none.
pub(super) fn check(directory: &Path, files: &Path) -> Result<bool, OpenError> {
    let text = match fs::read(directory.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    let sealed = parse(&text).ok_or_else(|| OpenError::damaged("its file `seal` is unreadable"))?;
    let found = Seal::of(files)?;
    match sealed.differs(&found) {
        Some(difference) => Err(OpenError::damaged(difference)),
        None => Ok(true),
    }
}

/// Removes the seal durably, before anything is written.
pub(super) fn break_off(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| File::open(directory)?.sync_all()),
    }
}

fn parse(text: &[u8]) -> Option<Seal> {
    let (seal, checksum) = std::str::from_utf8(text).ok()?.split_once('\n')?;
    let expected = format!("{:08x}\n", crc32fast::hash(seal.as_bytes()));
    (checksum == expected).then(|| serde_json::from_str(seal).ok())?
}

impl Seal {
    fn of(files: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        list(files, &mut paths)?;
        let mut seal = BTreeMap::new();
        for path in paths {
            let name = path.strip_prefix(files).unwrap_or(&path).to_string_lossy().into_owned();
            seal.insert(name, SealedFile::of(&path)?);
        }
        Ok(Self(seal))
    }

    fn differs(&self, found: &Self) -> Option<String> {
        for (name, sealed) in &self.0 {
            let Some(found) = found.0.get(name) else {
                return Some(format!("its file {name} is gone"));
            };
            if let Some(difference) = sealed.differs(found) {
                return Some(format!("its file {name} {difference}"));
            }
        }
        let stranger = found.0.keys().find(|name| !self.0.contains_key(*name))?;
        Some(format!("the file {stranger} has appeared since it was closed"))
    }
}

impl SealedFile {
    fn of(path: &Path) -> io::Result<Self> {
        let BlockSums { bytes, blocks } = BlockSums::of(path)?;
        Ok(Self { bytes, blocks })
    }

    fn differs(&self, found: &Self) -> Option<String> {
        if self.bytes != found.bytes {
            return Some(format!("has {} bytes, not the {} it had", found.bytes, self.bytes));
        }
        let block = self.blocks.iter().zip(&found.blocks).position(|(then, now)| then != now)?;
        let start = block * BLOCK_BYTES;
        Some(format!("has changed, within {BLOCK_BYTES} bytes after byte {start}"))
    }
}

fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = directory.path().join("files");
        fs::create_dir_all(files.join("below")).expect("a directory");
        fs::write(files.join("a"), vec![7; 13 * BLOCK_BYTES / 2]).expect("a file");
        fs::write(files.join("below/b"), "b").expect("a file");
        put(directory.path(), &files).expect("a seal");
        (directory, files)
    }

    fn refusal(directory: &Path, files: &Path) -> String {
        check(directory, files).expect_err("a refusal").to_string()
    }

    #[test]
    fn what_was_sealed_is_found_unchanged_until_the_seal_is_broken_off() {
        let (directory, files) = sealed();
        assert!(check(directory.path(), &files).expect("it agrees"));
        break_off(directory.path()).expect("a seal");
        break_off(directory.path()).expect("none any more");
        assert!(!check(directory.path(), &files).expect("nothing to agree with"));
    }

    #[test]
    fn every_change_is_found_and_named() {
        let (directory, files) = sealed();
        fs::write(files.join("c"), "c").expect("a file");
        assert!(refusal(directory.path(), &files).contains("the file c has appeared"));
        fs::remove_file(files.join("c")).expect("gone");
        fs::remove_file(files.join("below/b")).expect("gone");
        assert!(refusal(directory.path(), &files).contains("its file below/b is gone"));
        fs::write(files.join("below/b"), "bb").expect("a file");
        assert!(refusal(directory.path(), &files).contains("below/b has 2 bytes, not the 1"));
        fs::write(files.join("below/b"), "b").expect("a file");
        let mut bytes = fs::read(files.join("a")).expect("a file");
        bytes[BLOCK_BYTES + 1] ^= 1;
        fs::write(files.join("a"), bytes).expect("a file");
        let refusal = refusal(directory.path(), &files);
        assert!(refusal.contains("a has changed, within 1048576 bytes after byte 1048576"));
    }

    #[test]
    fn a_damaged_seal_is_no_seal() {
        let (directory, files) = sealed();
        let path = directory.path().join(NAME);
        let text = fs::read(&path).expect("the seal");
        for length in 0..text.len() {
            fs::write(&path, &text[..length]).expect("a shorter one");
            assert!(refusal(directory.path(), &files).contains("`seal` is unreadable"));
        }
    }
}
